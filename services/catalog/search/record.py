"""What the index knows of a voice, and how facts that stand only in the prose become facets."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from services.catalog.domain.declaration import licenses
from services.catalog.search.lexicon import LOOSE, Facet, Lexicon, bare
from services.catalog.search.tokens import stems, units

_OF_A_COUNTRY = re.compile(r"[a-z]{2,3}-[a-z]{2}(-[a-z]+)?")
_REFUSED = re.compile(
    r"(?:商用|商[业業]使用|商[业業]用途|commercial use)(?:[许許]可)?\s*[:：?？]\s*"
    r"(?:否|不|禁|勿|no\b|not\b|prohibited|forbidden)",
    re.IGNORECASE,
)
"""A line of a form: what stands behind its colon is read as a statement of its own."""
SINGLE_VALUED = ("gender", "age")
TERMS = ("license", "commercial")


@dataclass(frozen=True)
class SearchRecord:
    """A published voice. Any fact may be empty.

    `languages` are BCP 47; `mos` is a predicted opinion score, 1 to 5; `family` is the id of the repository that this
    one was forked from in the end (its own if none); `embedding` is the speaker's, of length 1; `readers` are the
    accounts and organisations that may read a private one besides its owner.
    """

    id: str
    version: str
    owner: str
    name: str
    private: bool
    created: datetime
    description_zh: str = ""
    description_en: str = ""
    tags: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    gender: str = ""
    age: str = ""
    persona: str = ""
    emotions: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    timbres: tuple[str, ...] = ()
    license: str = ""
    mos: float | None = None
    stars: int = 0
    downloads: int = 0
    family: str = ""
    embedding: tuple[float, ...] = ()
    readers: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[str, ...]:
        """Who sees it although it is private: its owner and its readers."""
        return (self.owner, *self.readers)

    @property
    def title(self) -> str:
        """Owner, name and tags: what matches here weighs most."""
        return " ".join((self.owner, self.name, *self.tags))

    @property
    def prose(self) -> str:
        """Everything that is said of the voice in words."""
        return " ".join(
            (self.description_zh, self.description_en, self.persona, *self.emotions, *self.styles, *self.timbres)
        )


def stated(record: SearchRecord, lexicon: Lexicon) -> frozenset[Facet]:
    """The facets that stand in the record's fields."""
    found = {Facet("owner", record.owner.lower())}
    for key, values in (
        ("gender", (record.gender,)),
        ("age", (record.age,)),
        ("persona", (record.persona,)),
        ("emotion", record.emotions),
        ("style", record.styles),
        ("timbre", record.timbres),
        ("tag", record.tags),
    ):
        found |= {lexicon.canonical(key, value) for value in values if value}
    if record.license:
        found |= _terms_of(record.license)
    return frozenset(found | {f for tag in record.languages for f in _language(tag, lexicon)})


def facets_of(record: SearchRecord, lexicon: Lexicon) -> frozenset[Facet]:
    """Stated facets, and those that the tags and the prose name where the fields leave room."""
    fields = stated(record, lexicon)
    taken = {key for key in (*SINGLE_VALUED, "lang") if any(f.key == key for f in fields)}
    taken |= set(TERMS if record.license else ())
    values = (record.persona, *record.emotions, *record.styles, *record.timbres)
    prose = " | ".join((record.description_zh, record.description_en, record.name, *record.tags, *values))
    prose = _REFUSED.sub("不可商用 ", prose)
    named = lexicon.facets(prose)
    told = {f.key for f in named if f.key in SINGLE_VALUED} | set(TERMS)  # a prose is surer of an age than a tag
    named |= {f for f in _labelled(record, lexicon) if f.key not in told}
    found = fields | {f for f in named if f.key not in taken}
    if any(_is_kind_of_a_language(f, fields, lexicon) for f in named - found):
        found |= {f for f in lexicon.facets(prose, spoken=True) if _is_kind_of_a_language(f, fields, lexicon)}
    found |= {wider for f in found if f.key == "lang" for wider in _wider(f)}
    found |= {use for f in found - fields if f.key == "license" for use in _terms_of(f.value)}
    closed = {f.key for f in fields} | {key for key in SINGLE_VALUED if any(f.key == key for f in found)}
    likely = {f for f in lexicon.suggested(prose) if f.key not in closed and f not in found}
    return lexicon.widened(found | lexicon.told(prose) | {Facet(f.key, f"{LOOSE}{f.value}") for f in likely})


def _labelled(record: SearchRecord, lexicon: Lexicon) -> frozenset[Facet]:
    """What the values of fields say besides, and the tags, of which only names are sure enough."""
    fields = (("emotion", record.emotions), ("style", record.styles), ("timbre", record.timbres))
    said = (lexicon.labelled(key, value) for key, values in fields for value in values)
    return frozenset().union(*said, *(lexicon.terms.get(units(tag), ()) for tag in record.tags))


def text_of(record: SearchRecord) -> str:
    """Title and prose as space-separated stems, ready for a full-text index that splits at spaces."""
    return " ".join(stems(units(f"{record.title} {record.prose}")))


def title_of(record: SearchRecord) -> str:
    """Owner and name likewise."""
    return " ".join(stems(units(f"{record.owner} {record.name}")))


def _terms_of(license_id: str) -> set[Facet]:
    """A licence, and whether it permits commercial use where that is known."""
    permits = {name.lower(): commercial for name, commercial in licenses().items()}.get(license_id.lower())
    use = set() if permits is None else {Facet("commercial", "yes" if permits else "no")}
    return {Facet("license", license_id.lower()), *use}


def _is_kind_of_a_language(facet: Facet, fields: Collection[Facet], lexicon: Lexicon) -> bool:
    """Whether it is a language as spoken somewhere, and a field states that language: Mandarin of Sichuan."""
    wider = {*_wider(facet), *map(bare, lexicon.broader.get(facet, ()))}
    return facet.key == "lang" and not wider.isdisjoint(fields)


def _wider(language: Facet) -> set[Facet]:
    """The languages of what is spoken in a country, or in a part of it: of `en-us-south` they are `en-us` and `en`."""
    parts = language.value.split("-") if _OF_A_COUNTRY.fullmatch(language.value) else []
    return {Facet(language.key, "-".join(parts[:end])) for end in range(1, len(parts))}


def _language(tag: str, lexicon: Lexicon) -> set[Facet]:
    """`en-GB` is found as `en-gb` and as `en`; `zh-yue` as `yue`; `Mandarin (Sichuan)` as what its words name."""
    exact = lexicon.canonical("lang", tag)
    if units(tag) in lexicon.terms:
        return {exact}
    named = {facet for facet in lexicon.facets(tag) if facet.key == "lang"}
    return {exact, *(named or {lexicon.canonical("lang", re.split("[-_]", tag)[0])})}
