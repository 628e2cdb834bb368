"""Reading judged sets that others wrote: what is legal is read as it is meant, what is not is told in one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.catalog.search.evaluate import main
from services.catalog.search.judged import read_queries, read_records
from services.catalog.search.lexicon_data import load
from services.catalog.search.record import facets_of

FIELDS = "owner name description_en tags emotions styles timbres license mos stars downloads created fork_of"
UNSAID: dict[str, Any] = dict.fromkeys(FIELDS.split())
PROSE = "七十多岁的老爷爷，说粤语，声音沙哑"


def written(path: Path, rows: list[Any]) -> Path:
    """JSON lines with everything that a file may have: a mark of byte order, empty lines, other ends of lines."""
    path.write_bytes("\r\n\n".join(json.dumps(row) for row in rows).encode("utf-8-sig"))
    return path


def facets(folder: Path, rows: list[Any]) -> list[set[str]]:
    """The facets of each record, as `key:value`."""
    return [
        {f"{facet.key}:{facet.value}" for facet in facets_of(record, load())}
        for record in read_records(written(folder / "r.jsonl", rows))
    ]


@pytest.mark.parametrize("nothing", [None, "", " ", "unknown", "N/A", [], [None, ""]])
def test_a_field_that_says_nothing_leaves_the_fact_to_the_prose(tmp_path: Path, nothing: object) -> None:
    row = {**UNSAID, "id": 1, "description_zh": PROSE, "language": nothing, "gender": nothing, "age": nothing}
    assert facets(tmp_path, [row])[0] >= {"lang:yue", "age:senior", "gender:male", "timbre:hoarse"}
    assert facets(tmp_path, [{"id": 1, "description_zh": PROSE}])[0] >= {"lang:yue", "age:senior", "gender:male"}


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ("采用 CC-BY-NC-4.0，声音甜", {"license:cc-by-nc-4.0", "commercial:no"}),
        ("An old man. Licensed CC BY 4.0.", {"license:cc-by-4.0", "commercial:yes"}),
        ("CC0, take it", {"license:cc0-1.0", "commercial:yes"}),
        ("female, not for commercial use", {"commercial:no"}),
        ("可商用的播音腔", {"commercial:yes"}),
    ],
)
def test_a_licence_is_read_from_the_prose_only_where_no_field_says_it(
    tmp_path: Path, told: str, known: set[str]
) -> None:
    assert facets(tmp_path, [{"id": "a", "description_en": told}])[0] >= known
    stated = facets(tmp_path, [{"id": "a", "description_en": told, "license": "LicenseRef-mine"}])[0]
    assert not any(one.startswith(("commercial:", "license:cc")) for one in stated)


@pytest.mark.parametrize(
    ("language", "codes"),
    [
        ("cmn", ["zh"]), ("zh-CN", ["zh"]), ("zh_Hans_CN", ["zh"]), ("ZH", ["zh"]), ("zho", ["zh"]), ("普通話", ["zh"]),
        ("yue-HK", ["yue"]), ("Cantonese", ["yue"]), ("Cantonese (Hong Kong)", ["yue"]), ("粵語", ["yue"]),
        ("en-US", ["en"]), ("ENGLISH", ["en"]), ("zh/en", ["zh", "en"]), (["ja-JP", None], ["ja"]), ("jp", ["ja"]),
    ],
)  # fmt: skip
def test_a_language_is_known_by_its_codes_and_names(tmp_path: Path, language: object, codes: list[str]) -> None:
    assert facets(tmp_path, [{"id": "a", "language": language}])[0] >= {f"lang:{code}" for code in codes}


@pytest.mark.parametrize(
    ("created", "read"),
    [
        ("2024-03-02", datetime(2024, 3, 2, tzinfo=UTC)),
        ("2024-03-02T04:05:06Z", datetime(2024, 3, 2, 4, 5, 6, tzinfo=UTC)),
        ("2024-03-02T12:05:06+08:00", datetime(2024, 3, 2, 4, 5, 6, tzinfo=UTC)),
        ("2024-03-02 04:05:06", datetime(2024, 3, 2, 4, 5, 6, tzinfo=UTC)),
        ("20240302", datetime(2024, 3, 2, tzinfo=UTC)),
        ("2024/03/02", datetime(2024, 3, 2, tzinfo=UTC)),
        ("2024-03", datetime(2024, 3, 1, tzinfo=UTC)),
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        (1709352306, datetime(2024, 3, 2, 4, 5, 6, tzinfo=UTC)),
        (1709352306000, datetime(2024, 3, 2, 4, 5, 6, tzinfo=UTC)),
    ],
)
def test_dates_are_read_in_any_iso_form(tmp_path: Path, created: object, read: datetime) -> None:
    [record] = read_records(written(tmp_path / "r.jsonl", [{"id": "a", "created": created}]))
    assert record.created == read


def test_numbers_licences_and_forks_are_read_as_they_are_meant(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "owner": "ann", "name": "x", "mos": "4.1", "stars": -5, "downloads": 1e30, "license": "MIT"},
        {"id": "b", "fork_of": "ann/x", "mos": 0, "stars": "many", "more": {"x": 1}},
        {"id": "c", "fork_of": "b"},
        {"id": "d", "fork_of": "nobody knows"},
        {"id": "a", "owner": "ann", "name": "x", "mos": "4.2", "license": "cc by 4.0", "downloads": float("inf")},
    ]
    a, b, c, d = read_records(written(tmp_path / "r.jsonl", rows))
    assert (a.mos, a.license, a.downloads, b.mos, b.stars) == (4.2, "CC-BY-4.0", 0, None, 0)
    assert [one.family for one in (a, b, c, d)] == ["a", "a", "a", "nobody knows"]


def test_each_query_counts_whatever_is_missing_of_it(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "text": "粤语", "class": "yue", "relevant": {"a": 3, "b": 0, "c": None, "d": "2"}},
        {"id": 1, "text": None, "class": None, "relevant": None},
        {"relevant": ["a", 7]},
    ]
    one, two, three = read_queries(written(tmp_path / "q.jsonl", rows))
    assert (one.id, one.grades) == ("1", {"a": 3.0, "d": 2.0})
    assert two.id != one.id
    assert (two.text, two.kind, two.grades) == ("", "all", {})
    assert three.grades == {"a": 1.0, "7": 1.0}


def test_odd_characters_stop_neither_reading_nor_the_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = ['{"id": "a", "description_zh": "粤语\u2028老人\u0085", "name": "\\ud800\\u0000"}']
    lines.append(json.dumps({"id": "b", "name": "x" * 40_000, "tags": ["y" * 40_000], "description_zh": "好" * 40_000}))
    (tmp_path / "r.jsonl").write_text("\n".join(lines), encoding="utf-8")
    texts = ["粤语", "", None, "\ud800\u0000", '"', "-", 'NEAR( OR * -""', "lang: mos:>x stars:>=1e999", "x" * 100_000]
    rows = [{"id": n, "text": text, "class": "奇", "relevant": {"a": 3, "gone": 1}} for n, text in enumerate(texts)]
    files = ["--records", str(tmp_path / "r.jsonl"), "--queries", str(written(tmp_path / "q.jsonl", rows))]
    assert main([*files, "--engine", f"sqlite:///{tmp_path / 'i.sqlite'}", "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["classes"]["奇"]["queries"] == len(texts)
    assert "gone" in told.err


@pytest.mark.parametrize(
    ("records", "queries", "engine", "told"),
    [
        (b'{"id": "a"}\n{"id": ', b"", "sqlite:///{}/i", "r.jsonl, line 2"),
        (b'{"id": "a"}\n[1]', b"", "sqlite:///{}/i", "r.jsonl, line 2"),
        (b'{"name": "a"}', b"", "sqlite:///{}/i", "no id"),
        (b'{"id": "' + b"a" * 513 + b'"}', b"", "sqlite:///{}/i", "512 bytes"),
        (b"\xff\xfe{", b"", "sqlite:///{}/i", "UTF-8"),
        (b"", b'{"id": 1, "relevant": {"a": "good"}}', "sqlite:///{}/i", "grade of 'a'"),
        (b"", b'{"id": 1, "relevant": {"a": 4000}}', "sqlite:///{}/i", "0 to 3"),
        (b"", b'{"id": 1, "relevant": "a"}', "sqlite:///{}/i", "relevant"),
        (None, b"", "sqlite:///{}/i", "r.jsonl"),
        (b"", b"", "http://127.0.0.1:9200", "elasticsearch://host"),
        (b"", b"", "elasticsearch://127.0.0.1:9/Bad", "small letters"),
        (b"", b"", "sqlite:///{}/q.jsonl", "not a database"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(
    records: bytes | None, queries: bytes, engine: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if records is not None:
        (tmp_path / "r.jsonl").write_bytes(records)
    (tmp_path / "q.jsonl").write_bytes(queries or b"\n" * 5000)
    files = ["--records", str(tmp_path / "r.jsonl"), "--queries", str(tmp_path / "q.jsonl")]
    assert main([*files, "--engine", engine.format(tmp_path), "--json"]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
