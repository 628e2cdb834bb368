"""Every part of a hub on real engines killed with -9 at random while people use it: nothing that was acknowledged is
lost, nothing happens twice, no event is given up."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from services.common.ids import new_id
from tests.e2e.conftest import card, recorded
from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import House, open_house
from tests.e2e.mixed_load import MixedLoad, audit, settled
from tests.engines.kafka import Kafka
from tests.engines.killing import Killer
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS
from voicehub.pushing import read_yaml

__all__ = ["card", "recorded"]
KILLS, PUSHES, PEOPLE = 10, 3, 3
SEED = 20


@pytest.fixture
def house(
    postgresql: PostgreSQL, kafka: Kafka, seaweedfs: SeaweedFS, tmp_path: Path
) -> Iterator[House]:
    engines = tmp_path / "engines.json"
    engines.write_text(json.dumps({"environment": {s.setting: s.url for s in (postgresql, kafka, seaweedfs)}}))
    with open_house(tmp_path, "--engines", str(engines)) as running:
        yield running


def test_kills_under_mixed_load_lose_nothing(
    house: House,
    postgresql: PostgreSQL,
    kafka: Kafka,
    seaweedfs: SeaweedFS,
    recorded: dict[str, Recorded],
    card: Path,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    person = house.person(f"busy-{new_id().lower()[-8:]}")
    voice = {"s1": S1, "s2": CHECKPOINTS / "tiny_v2_e8_s128.pth", "prompt": recorded["v2"].prompt}
    load = MixedLoad(house.url, house.token(person), tmp_path, voice, read_yaml(card))
    engines = {"postgresql": postgresql, "kafka": kafka, "seaweedfs": seaweedfs}
    killer = Killer(house, engines, random.Random(SEED))
    with load.running(PEOPLE, person.name, PUSHES, SEED):
        killed = killer.random_kills(KILLS, pause=2.0)
    settled(load, patience=240)
    record_property("recoveries", {name: [round(s, 1) for s in all_] for name, all_ in killer.recoveries.items()})
    record_property("acknowledged", load.ledger.acknowledged())
    assert len(killed) == KILLS
    assert len(load.ledger.versions) == PUSHES
    assert load.ledger.acknowledged() > 100, load.ledger.refusals
    assert audit(load) == []
    assert given_up(postgresql) == []
    assert "500" not in " ".join(load.ledger.refusals)


def given_up(postgresql: PostgreSQL) -> list[str]:
    """The dead letters of all services."""
    engine = create_engine(make_url(postgresql.admin_url).set(database="voicehub"))
    found = []
    with engine.connect() as connection:
        tables = text("SELECT schemaname FROM pg_tables WHERE tablename = 'dead_letters'")
        for (schema,) in connection.execute(tables).all():
            letters = connection.exec_driver_sql(f'SELECT type, reason FROM "{schema}".dead_letters').all()
            found += [f"{schema}: {kind}: {reason}" for kind, reason in letters]
    engine.dispose()
    return found
