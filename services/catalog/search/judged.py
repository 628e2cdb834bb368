"""Reading a judged set: records and queries as JSON lines, whatever is missing, null or written in another way.

A set comes from elsewhere. A field that says nothing is empty, so that its fact is read from the prose; what cannot be
read at all (no JSON, no id, a grade that is none) is one `Unreadable` that names file and line.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.catalog.domain.declaration import canonical_license
from services.catalog.search.record import SearchRecord

GRADE_MOST = 3
ID_MOST, NAME_MOST = 512, 1000  # bytes and characters; Elasticsearch keeps no longer ids, and no word of 32,766 bytes
_UNDATED = datetime(2025, 1, 1, tzinfo=UTC)
_MILLISECONDS = 1e11  # no time in seconds is as large before the year 5000
_COUNT_MOST = 2**53  # exact as a double, which both engines keep
_SPLIT = re.compile(r"[,;|、，；]")
_SPLIT_LANGUAGES = re.compile(r"[,;|、，；/+&]")
_NOTHING = frozenset({"null", "none", "n/a", "unknown", "unspecified", "undefined", "und", "-", "?", "未知", "不详"})
_CODES = {"zho": "zh", "chi": "zh", "cn": "zh", "jp": "ja", "kr": "ko", "fre": "fr"}  # not BCP 47, and often seen


class Unreadable(ValueError):
    """A line that is no record or no query."""


@dataclass(frozen=True)
class Judged:
    """A query with the grades (above 0, up to 3) of the records that are relevant to it."""

    id: str
    text: str
    kind: str
    grades: Mapping[str, float]


def read_records(path: Path) -> list[SearchRecord]:
    """The records of a JSON lines file; the later of two with one id stays, as in the index."""
    raw = {_id(one, place): one for place, one in _objects(path)}
    names = {f"{_text(one.get('owner'))}/{_text(one.get('name'))}": id_ for id_, one in raw.items()}
    forks = {id_: _fact(one.get("fork_of")) for id_, one in raw.items()}
    parents = {id_: parent if parent in raw else names.get(parent, parent) for id_, parent in forks.items()}
    return [record({**one, "id": id_}, _root(id_, parents)) for id_, one in raw.items()]


def read_queries(path: Path) -> list[Judged]:
    """The judged queries of a JSON lines file. Of several with one id each counts."""
    found: list[Judged] = []
    seen: Counter[str] = Counter()
    for place, one in _objects(path):
        id_ = _text(one.get("id")) or place
        seen[id_] += 1
        unique = id_ if seen[id_] == 1 else f"{id_} ({place})"
        kind = _text(one.get("class")) or "all"
        found.append(Judged(unique, _text(one.get("text")), kind, _grades(one.get("relevant"), place)))
    return found


def record(raw: Mapping[str, Any], root: str) -> SearchRecord:
    """A record of the set; `root` is the id at the root of its forks."""
    license_ = _fact(raw.get("license"))
    mos = _number(raw.get("mos"))
    return SearchRecord(
        id=str(raw["id"]),
        version=str(raw["id"]),
        owner=_text(raw.get("owner"))[:NAME_MOST],
        name=_text(raw.get("name"))[:NAME_MOST],
        private=False,
        created=_date(raw.get("created")),
        description_zh=_text(raw.get("description_zh")),
        description_en=_text(raw.get("description_en")),
        tags=_facts(raw.get("tags")),
        languages=_languages(raw.get("language") or raw.get("languages")),
        gender=_fact(raw.get("gender")),
        age=_fact(raw.get("age")),
        persona=_fact(raw.get("persona")),
        emotions=_facts(raw.get("emotions")),
        styles=_facts(raw.get("styles")),
        timbres=_facts(raw.get("timbres")),
        license=canonical_license("-".join(license_.split())) or license_,
        mos=mos if mos is not None and 1 <= mos <= 5 else None,
        stars=_count(raw.get("stars")),
        downloads=_count(raw.get("downloads")),
        family=root,
    )


def _objects(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The objects of a file, each with where it stands. Only a line feed ends a line: a string may hold others."""
    try:
        lines = path.read_bytes().decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise Unreadable(f"{path} is not UTF-8 (byte {error.start})") from error
    for number, line in enumerate(lines, 1):
        place = f"{path.name}, line {number}"
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Unreadable(f"{place} is no JSON: {error}") from error
        if not isinstance(one, dict):
            raise Unreadable(f"{place} is no JSON object but {type(one).__name__}")
        yield place, one


def _id(one: Mapping[str, Any], place: str) -> str:
    found = _text(one.get("id"))
    if not 0 < len(found.encode()) <= ID_MOST:
        raise Unreadable(f"{place}: the record has {'an id of more than 512 bytes' if found else 'no id'}")
    return found


def _grades(value: object, place: str) -> dict[str, float]:
    """Grades by record id; in a mere list of ids each has 1."""
    given = dict.fromkeys(map(_text, value), 1) if isinstance(value, list) else value or {}
    if not isinstance(given, dict):
        raise Unreadable(f'{place}: relevant is no object {{"record id": grade}}')
    grades = {_text(id_): 0.0 if grade is None else _number(grade) for id_, grade in given.items()}
    for id_, grade in grades.items():
        if grade is None or grade > GRADE_MOST:
            raise Unreadable(f"{place}: the grade of {id_!r} is {given[id_]!r}, not 0 to {GRADE_MOST}")
    return {id_: grade for id_, grade in grades.items() if grade}


def _root(id_: str, parents: Mapping[str, str]) -> str:
    seen = {id_}
    while (parent := parents.get(id_, "")) and parent not in seen:
        id_ = parent
        seen.add(id_)
    return id_


def _text(value: object) -> str:
    """A value as text; half a surrogate pair, which no engine keeps, becomes a question mark."""
    return "" if value is None else str(value).strip().encode("utf-8", "replace").decode()


def _fact(value: object) -> str:
    """A value, empty if it says that nothing is known."""
    text = " ".join(filter(None, map(_text, value))) if isinstance(value, list) else _text(value)
    return "" if text.casefold() in _NOTHING else text[:NAME_MOST]


def _facts(value: object, split: re.Pattern[str] = _SPLIT) -> tuple[str, ...]:
    values = value if isinstance(value, list) else split.split(_fact(value))
    return tuple(fact for one in values if (fact := _fact(one)))


def _languages(value: object) -> tuple[str, ...]:
    return tuple(_CODES.get(tag.lower(), tag) for tag in _facts(value, _SPLIT_LANGUAGES))


def _number(value: object) -> float | None:
    try:
        number = float(_text(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _count(value: object) -> int:
    return int(min(max(_number(value) or 0, 0), _COUNT_MOST))


def _date(value: object) -> datetime:
    """A date in any ISO form, a month, a year, or seconds or milliseconds since 1970; else one like any other."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS else value, UTC)
        text = _text(value).replace("/", "-")
        date = datetime.fromisoformat(text + {4: "-01-01", 7: "-01"}.get(len(text), ""))
    except (ValueError, OverflowError, OSError):
        return _UNDATED
    return date if date.tzinfo else date.replace(tzinfo=UTC)
