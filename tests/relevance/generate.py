"""Relevance sets, the same bytes every time: `python -m tests.relevance.generate FOLDER
[other_ | third_ | fourth_]`. 3,200 voices each.

The prose of the records and the texts of the queries are hand-written (`prose.yaml`, `queries.tsv`) and were written
before the search was tuned; some of the queries are for tuning, the others only for reporting. When the lexicon grew,
the reporting part got more: facts told by a scene or a comparison and by no name for them, and requests that name their
facts among the circumstances of a project. `other_` is a second set, by another style of prose, other topics and
languages, written after the lexicon and without looking at it; both parts of its queries ask for the same topics.
`third_` was written without looking at the search, and from the format and the names of facts of the other two alone:
cards and requests as a hub's creators and users write them, half by a profession, a comparison, a scene or slang. Its
two parts share no phrases and no topics, so that what is learnt from one does not show in the other. `fourth_` is by
an author who saw nothing of the search and, of the other sets, only three lines each for their format: its two parts
share no topics either, and it adds paraphrases and exclusions to the classes.

A voice has hidden facts (language, gender, age, timbres, styles, emotions, topics); each stands in its field, in the
prose, or in both.

Grading, by the share of the facts that a query asks for and the voice has: all of them 3, at least two thirds 2, at
least half of four or more 1, fewer 0. A voice of another language, gender or age than the one asked
for gets at most 1. A fact marked `+` is what the request is about: a voice without it gets 0; so does one that has a
fact marked `-`. Forks are judged like others: a fork is as good an answer as its original.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from opencc import OpenCC

HERE = Path(__file__).parent
COUNT = 3200
FIELD_KEPT = 0.6
TOLD = 0.55
TRADITIONAL = 0.2
FORKED = 0.06
LANGUAGES = {
    "zh": 30, "yue": 14, "en": 22, "ja": 6, "ko": 4, "sichuan": 6, "dongbei": 6, "wuu": 5, "nan": 4, "hak": 3,
}  # fmt: skip
RARE = 5  # of a language that another set has
MULTIPLE = {"timbre": "timbres", "style": "styles", "emotion": "emotions"}
GENDERS, AGES = ("male", "female", "neutral"), ("child", "teen", "young", "middle", "senior")
LICENSES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "Apache-2.0", "")
Fact = tuple[str, str]


@dataclass(frozen=True)
class Query:
    """One judged query: id, part (tune or report), class, text, the facts it asks for, must have and must not have."""

    id: str
    part: str
    kind: str
    text: str
    facts: tuple[Fact, ...]
    needed: frozenset[Fact] = frozenset()
    unwanted: frozenset[Fact] = frozenset()


@dataclass(frozen=True)
class RelevanceSet:
    """Records, queries, and grades by query and record."""

    records: Sequence[Mapping[str, Any]]
    queries: Sequence[Query]
    grades: Mapping[str, Mapping[str, int]]

    def write(self, folder: Path, part: str) -> None:
        """Writes `records.jsonl` and the queries of one part as `queries-<part>.jsonl`."""
        folder.mkdir(parents=True, exist_ok=True)
        chosen = [
            {"id": q.id, "text": q.text, "class": q.kind, "relevant": self.grades[q.id]}
            for q in self.queries
            if q.part == part
        ]
        for name, rows in (("records", self.records), (f"queries-{part}", chosen)):
            text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")


@cache
def generate(name: str = "") -> RelevanceSet:
    """The whole set of the files `<name>prose.yaml` and `<name>queries.tsv`."""
    prose = yaml.safe_load((HERE / f"{name}prose.yaml").read_text(encoding="utf-8"))
    chance = random.Random(20261126)
    records: list[dict[str, Any]] = []
    facts: list[frozenset[Fact]] = []
    for number in range(COUNT):
        if records and chance.random() < FORKED:
            parent = chance.randrange(len(records))
            record, truth = _fork(chance, records[parent], prose), facts[parent]
        else:
            record, truth = _voice(chance, prose)
        records.append({"id": f"r{number:04d}", **record})
        facts.append(truth)
    queries = _queries(name)
    grades = {
        query.id: {
            record["id"]: grade for record, truth in zip(records, facts, strict=True) if (grade := judge(query, truth))
        }
        for query in queries
    }
    return RelevanceSet(records, [query for query in queries if grades[query.id]], grades)


def judge(query: Query, truth: frozenset[Fact]) -> int:
    """The grade of a voice for a query, 0 to 3: see the module's text."""
    if not query.needed <= truth or query.unwanted & truth:
        return 0
    share = sum(fact in truth for fact in query.facts) / len(query.facts)
    grade = 3 if share == 1 else 2 if share >= 2 / 3 else 1 if share >= 1 / 2 and len(query.facts) > 3 else 0
    wrong = any(key in ("lang", "gender", "age") and (key, value) not in truth for key, value in query.facts)
    return min(grade, 1) if wrong else grade


def _queries(name: str) -> list[Query]:
    lines = (HERE / f"{name}queries.tsv").read_text(encoding="utf-8").splitlines()
    found = []
    for number, line in enumerate(lines):
        part, kind, facts, text = line.split("\t")
        words = facts.split()
        asked = tuple(_fact(word.removeprefix("+")) for word in words if not word.startswith("-"))
        needed, unwanted = (frozenset(_fact(w[1:]) for w in words if w.startswith(mark)) for mark in "+-")
        found.append(Query(f"q{number:03d}", part, kind, text, asked, needed, unwanted))
    return found


def _fact(word: str) -> Fact:
    key, separator, value = word.partition(":")
    if separator:
        return key, value
    known = {"gentle": "emotion", "deep": "timbre"} | dict.fromkeys(GENDERS, "gender") | dict.fromkeys(AGES, "age")
    return known.get(word, "lang"), word


def _voice(chance: random.Random, prose: Mapping[str, Any]) -> tuple[dict[str, Any], frozenset[Fact]]:
    gender, age = chance.choice(list(prose["person"])).split("-")
    weights = {one: share for one, share in LANGUAGES.items() if one in prose["lang"]}
    weights |= {one: RARE for one in prose["lang"] if one not in LANGUAGES}
    language = chance.choices(list(weights), list(weights.values()))[0]
    truth = {("lang", language), ("gender", gender), ("age", age)}
    for key, most in (("timbre", 2), ("style", 2), ("emotion", 2), ("topic", 1)):
        truth |= {(key, value) for value in chance.sample(sorted(prose[key]), chance.randint(1, most))}
    kept = {key for key in ("lang", "gender", "age", "timbre", "style", "emotion") if chance.random() < FIELD_KEPT}
    record = {
        "owner": chance.choice(prose["owner"]),
        "name": f"{chance.choice(prose['name'])}-{chance.randrange(10_000):04d}",
        **_descriptions(chance, prose, truth, kept, language),
        "tags": chance.sample(["studio", "48k", "新声", "beta", "免费", "demo", "hq"], chance.randint(0, 2)),
        "language": language if "lang" in kept else None,
        "gender": gender if "gender" in kept else None,
        "age": age if "age" in kept else None,
        **{field: _values(truth, key) if key in kept else [] for key, field in MULTIPLE.items()},
        "license": chance.choice(LICENSES) or None,
        "mos": round(chance.uniform(2.6, 4.5), 2) if chance.random() < 0.8 else None,
        "stars": int(chance.paretovariate(0.9)) - 1,
        "downloads": int(chance.paretovariate(0.6)) - 1,
        "created": f"202{chance.randint(4, 6)}-{chance.randint(1, 11):02d}-{chance.randint(1, 28):02d}T08:00:00Z",
        "fork_of": None,
    }
    return record, frozenset(truth)


def _values(truth: set[Fact], key: str) -> list[str]:
    return sorted(value for name, value in truth if name == key)


def _descriptions(
    chance: random.Random, prose: Mapping[str, Any], truth: set[Fact], kept: set[str], language: str
) -> dict[str, str]:
    """One or two descriptions: together they tell every fact without a field, and some of the others."""
    chinese, english = chance.choice([(True, False), (True, False), (True, True), (True, True), (False, True)])
    told = {key for key in ("lang", "person", "timbre", "style", "emotion") if chance.random() < TOLD}
    told |= {key for key in ("lang", "timbre", "style", "emotion") if key not in kept} | {"topic"}
    told |= set() if {"gender", "age"} <= kept else {"person"}
    zh = _paragraph(chance, prose, truth, told, "yue" if language == "yue" and chance.random() < 0.5 else "zh")
    return {
        "description_zh": zh if chinese else "",
        "description_en": _paragraph(chance, prose, truth, told, "en") if english else "",
    }


def _paragraph(chance: random.Random, prose: Mapping[str, Any], truth: set[Fact], told: set[str], tongue: str) -> str:
    facts = dict(truth)
    parts = {"person": chance.choice(prose["person"][f"{facts['gender']}-{facts['age']}"][tongue])}
    for key in ("lang", "timbre", "style", "emotion", "topic"):
        phrases = [chance.choice(prose[key][value][tongue]) for value in _values(truth, key)]
        parts[key] = (", " if tongue == "en" else "，").join(phrases)
    if chance.random() < 0.15:
        absent = chance.choice([value for value in sorted(prose["timbre"]) if ("timbre", value) not in truth])
        denied = chance.choice(prose["negation"][tongue]).format(chance.choice(prose["timbre"][absent][tongue]))
        parts["emotion"] += (", " if tongue == "en" else "，") + denied
        told = told | {"emotion"}
    frame = chance.choice(prose["frame"][tongue]).format(**{k: v if k in told else "" for k, v in parts.items()})
    filler = chance.choice(prose["filler"][tongue])
    text = _tidy(frame) + (" " + filler if tongue == "en" else filler)
    return str(_traditional().convert(text)) if tongue == "zh" and chance.random() < TRADITIONAL else text.strip()


@cache
def _traditional() -> OpenCC:
    return OpenCC("s2t")


def _tidy(text: str) -> str:
    """Without the punctuation that facts left untold leave behind."""
    for mark in "，。；：,.;:":
        text = text.replace(f" {mark}", mark)
    for _ in range(4):
        for left in "，；：,;:、。":
            for right in "，；。,;.":
                text = text.replace(left + right, left if left == "。" else right)
        for start in "，；。：,;.:":
            text = text.strip().removeprefix(start)
    return text.replace(" and .", ".").replace("Voice of,", "Voice:").strip()


def _fork(chance: random.Random, parent: Mapping[str, Any], prose: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **{key: value for key, value in parent.items() if key != "id"},
        "owner": chance.choice(prose["owner"]),
        "stars": parent["stars"] // 3,
        "fork_of": parent["id"],
    }


def main() -> None:
    """Writes a set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", nargs="?", default="", choices=("", "other_", "third_", "fourth_"))
    given = parser.parse_args()
    made = generate(given.name)
    for part in ("tune", "report"):
        made.write(given.folder, part)


if __name__ == "__main__":
    main()
