"""The road of a voice on the engines of a cluster: pushed, scanned, exported, published, found, pulled, spoken."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import TextClause, create_engine, text
from sqlalchemy.engine import make_url

from services.common.events import open_bus
from services.common.objects import Area, open_store
from services.common.settings import SERVICES
from tests.e2e.conftest import card, recorded
from tests.e2e.golden import Recorded
from tests.e2e.house import House, open_house
from tests.e2e.test_exact import test_pushed_files_speak_exactly_as_recorded as speaks_exactly
from tests.engines.elasticsearch import Elasticsearch
from tests.engines.kafka import Kafka
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from tests.engines.server import Server
from tests.engines.triton import Triton

__all__ = ["card", "recorded"]
PATIENCE = 90.0
LOOK_SECONDS = 0.2


@pytest.fixture(scope="module")
def house(
    postgresql: PostgreSQL,
    kafka: Kafka,
    seaweedfs: SeaweedFS,
    elasticsearch: Elasticsearch,
    triton: Triton,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[House]:
    """As `voicehub up --engines` starts it."""
    folder = tmp_path_factory.mktemp("road")
    engines = folder / "engines.json"
    servers: tuple[Server, ...] = (postgresql, kafka, seaweedfs, elasticsearch, triton)
    engines.write_text(json.dumps({"environment": {s.setting: s.url for s in servers}}))
    with open_house(folder, "--engines", str(engines)) as running:
        yield running


def test_a_pushed_voice_speaks_exactly(
    house: House,
    postgresql: PostgreSQL,
    kafka: Kafka,
    seaweedfs: SeaweedFS,
    recorded: dict[str, Recorded],
    card: Path,
    tmp_path: Path,
) -> None:
    before = _published(postgresql)
    speaks_exactly("head-pk", house.person("creator"), house.person("developer"), recorded, card, tmp_path)

    assert not any(path.is_file() for path in (house.data / "db").rglob("*"))
    assert not any(path.is_file() for path in (house.data / "objects").rglob("*"))
    assert len(list(open_store(seaweedfs.url).digests(Area.SERVED))) > 10
    lags = open_bus(kafka.url).lags()
    assert {topic for _, topic in lags} >= {"versions", "scans", "exports"}
    tables = {service: _tables(postgresql, service) for service in SERVICES}
    assert all("alembic_version" in names for names in tables.values())
    assert _published(postgresql) == before + 1


def test_its_samples_were_spoken_on_triton(house: House, triton: Triton) -> None:
    """After the test before this one."""
    assert house.services()
    deadline = time.monotonic() + PATIENCE
    while "voicehub_stage1_ended_total{" not in triton.metrics():
        assert time.monotonic() < deadline
        time.sleep(LOOK_SECONDS)
    assert len(list(triton.repository.iterdir())) == 4


def test_no_service_reads_another_ones_tables(postgresql: PostgreSQL, house: House) -> None:
    assert house.services()
    url = make_url(postgresql.url.replace("{service}", "trainer"))
    engine = create_engine(url)
    with engine.connect() as connection, pytest.raises(Exception, match="permission denied for schema catalog"):
        connection.execute(text("SELECT * FROM catalog.versions"))
    engine.dispose()


def _tables(postgresql: PostgreSQL, schema: str) -> set[str]:
    query = text("SELECT tablename FROM pg_tables WHERE schemaname = :schema")
    return {name for (name,) in _rows(postgresql, query, schema=schema)}


def _published(postgresql: PostgreSQL) -> int:
    return int(_rows(postgresql, text("SELECT count(*) FROM catalog.versions WHERE state = 'published'"))[0][0])


def _rows(postgresql: PostgreSQL, query: TextClause, **values: str) -> list[tuple[Any, ...]]:
    engine = create_engine(make_url(postgresql.admin_url).set(database="voicehub"))
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(query, values)]
    engine.dispose()
    return found
