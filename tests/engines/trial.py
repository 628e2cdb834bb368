"""A hub on real engines, people who use it, and kill -9 of one part after another: what was lost or doubled."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from services.common.ids import new_id
from tests.e2e.golden import CHECKPOINTS, S1, recorded_files
from tests.e2e.house import open_house
from tests.e2e.mixed_load import Ledger, MixedLoad, audit, settled
from tests.engines.killing import Killer
from tests.engines.postgresql import PostgreSQL
from tests.engines.server import Server

PEOPLE = 3
PAUSE_SECONDS = 2.0
WRITES = 120
"""At least so many are acknowledged: on a slow machine people go on when the kills are over."""
PATIENCE_SECONDS = 300.0
CARD = {"languages": ["zh"], "gender": "male", "age": "middle", "tags": ["tiny"]}


@dataclass(frozen=True)
class Outcome:
    """What was killed, in order, and what came of it.

    Attributes:
        recoveries: seconds until it served again, by name.
        ledger: what people were told.
        wrong: what the audit found; empty when nothing was lost and nothing happened twice.
    """

    killed: Sequence[str]
    recoveries: Mapping[str, Sequence[float]]
    ledger: Ledger
    wrong: Sequence[str]


def trial(folder: Path, engines: Sequence[Server], kills: int, pushes: int, seed: int) -> Outcome:
    """Runs a hub in `folder` on these running engines, PostgreSQL among them, until the kills are done."""
    said = folder / "engines.json"
    said.write_text(json.dumps({"environment": {engine.setting: engine.url for engine in engines}}))
    with open_house(folder, "--engines", str(said)) as house:
        person = house.person(f"busy-{new_id().lower()[-8:]}")
        prompt = recorded_files(folder / "recorded")["v2"].prompt
        voice = {"s1": S1, "s2": CHECKPOINTS / "tiny_v2_e8_s128.pth", "prompt": prompt}
        load = MixedLoad(house.url, house.token(person), folder, voice, CARD)
        killer = Killer(house, {engine.name: engine for engine in engines}, random.Random(seed))
        with load.running(PEOPLE, person.name, pushes, seed):
            killed = killer.random_kills(kills, PAUSE_SECONDS)
            load.goes_on(WRITES, PATIENCE_SECONDS)
        settled(load, PATIENCE_SECONDS)
        wrong = audit(load)
        if len(load.ledger.versions) != pushes:
            wrong.append(f"{len(load.ledger.versions)} of {pushes} pushes were acknowledged")
    wrong += [f"given up: {letter}" for engine in engines if isinstance(engine, PostgreSQL) for letter in _dead(engine)]
    return Outcome(killed, killer.recoveries, load.ledger, wrong)


def _dead(postgresql: PostgreSQL) -> list[str]:
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
