"""The story of `make demo` on the engines of a cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gptsovits.judge.sentences import TEST_SENTENCES
from services.common.objects import Area, open_store
from tests.e2e.house import FEW_STEPS
from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import Kafka
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from tests.engines.triton import Triton
from tools.demo.recording import find_source
from tools.demo.stage import open_stage
from tools.demo.story import Story
from voicehub.cli.output import Output

FEW = TEST_SENTENCES[:2]
"""How well the voice speaks is judged by the demo; here it is told that the whole works on these engines."""


@pytest.fixture
def own_postgresql(tmp_path: Path) -> Iterator[PostgreSQL]:
    """The story's people sign up by names that others may have by now."""
    with PostgreSQL(tmp_path) as server:
        yield server


def test_the_story_of_the_demo_on_real_engines(
    own_postgresql: PostgreSQL,
    kafka: Kafka,
    seaweedfs: SeaweedFS,
    elasticsearch: Elasticsearch,
    triton: Triton,
    tmp_path: Path,
) -> None:
    own = {
        kafka.setting: kafka.url.replace("/voicehub", "/story"),
        elasticsearch.setting: f"{elasticsearch.url}/story",
    }
    shared = {server.setting: server.url for server in (own_postgresql, seaweedfs, triton)}
    engines = tmp_path / "engines.json"
    engines.write_text(json.dumps({"environment": {**shared, **own}}))
    with open_stage(tmp_path / "stage", "--engines", str(engines), environment=FEW_STEPS) as stage:
        report = Story(stage, find_source(), tmp_path, quick=True, out=Output(), sentences=FEW).tell()
        held = [path for path in (stage.folder / "hub" / "objects").rglob("*") if path.is_file()]
    assert report["sentences"] == list(FEW)
    assert len(report["table"]) >= 4  # recording, fine-tuned, base, shuffled: judged like in the demo
    assert len(report["seconds_by_chapter"]) == 7
    assert held == [], "no object lies in a folder"
    assert len(list(open_store(seaweedfs.url).digests(Area.SERVED))) > 100
