"""Datasets as files: the same records are the same bytes, and pandas reads them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import pytest

from voicehub.client import Client
from voicehub.datasets import ABOUT, OBJECTS, VOICES, Dataset
from voicehub.parquet import write
from voicehub.tests.hub import Hub

COUNT = 10_000


def record(number: int) -> dict[str, Any]:
    """A record as the hub tells it; some have no figures, and cards hold what people write."""
    judged = {"mos_dnsmos": 3.25, "similarity_resemblyzer": 0.9, "speaker_embedding": [0.1, 0.2], "epochs": 12}
    return {
        "number": number, "owner": f"owner-{number % 9}", "name": f"voice-{number}", "version": f"{number:032x}",
        "author": "ana", "create_time": "2026-11-26T18:00:00Z", "publish_time": "2026-11-26T18:01:00.5Z",
        "declaration": {"source": "自己录的", "license": "CC-BY-4.0", "consent": "self"}, "commercial": True,
        "family": "nano", "card": {"languages": ["yue"], "gender": "male", "tags": ["叙事", 3]},
        "figures": judged if number % 2 else {}, "parents": ["p"], "makers": [{"account": "ana", "distance": 0}],
        "stars": number % 5, "downloads": 1,
        "objects": [{"kind": "file", "path": "prompts/a.flac", "digest": f"{number:064x}", "size": 7}],
    }  # fmt: skip


def test_ten_thousand_records_are_the_same_bytes_and_open_in_pandas(tmp_path: Path) -> None:
    records = [record(number) for number in range(1, COUNT + 1)]
    for run in ("one", "two"):
        (tmp_path / run).mkdir()
        write(records, tmp_path / run / VOICES, tmp_path / run / OBJECTS)
    for name in (VOICES, OBJECTS):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    voices = pandas.read_parquet(tmp_path / "one" / VOICES)
    assert len(voices) == COUNT
    assert voices["mos"].notna().sum() == COUNT // 2
    assert voices["mos"].mean() == pytest.approx(3.25)
    first = voices.iloc[0]
    assert (first["license"], list(first["tags"]), first["source"]) == ("CC-BY-4.0", ["叙事", "3"], "自己录的")
    assert list(first["makers"]) == [{"account": "ana", "distance": 0}]
    assert json.loads(first["figures"])["epochs"] == 12
    assert str(voices["publish_time"].dt.tz) == "UTC"
    objects = pandas.read_parquet(tmp_path / "one" / OBJECTS)
    assert objects["size"].sum() == 7 * COUNT
    changed = [*records[:-1], {**records[-1], "stars": 999}]
    write(changed, tmp_path / "changed.parquet", tmp_path / "objects.parquet")
    assert (tmp_path / "changed.parquet").read_bytes() != (tmp_path / "one" / VOICES).read_bytes()


def test_an_export_says_what_it_is(hub: Hub, tmp_path: Path) -> None:
    page = {"items": [record(1), record(2)], "next_cursor": "", "withheld": 1}
    hub.json["/v1/datasets/d/records"] = page
    with Client(hub.url, "token") as client:
        made = client.datasets.export(Dataset("d", "粤语", records=3), tmp_path)
    assert (made.voices, made.objects, made.withheld) == (2, 2, 1)
    about = json.loads((tmp_path / ABOUT).read_text(encoding="utf-8"))
    assert (about["id"], about["query"], about["withheld"]) == ("d", "粤语", 1)
    assert about["written_by"].startswith("pyarrow ")
    assert set(about["sha256"]) == {VOICES, OBJECTS}
