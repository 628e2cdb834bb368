"""The clock of a hub's machine jumps while it is used, forwards and backwards: nothing is lost, nothing happens twice.

The hub's processes see it by libfaketime; the real clock, and that of the people, is left alone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import House, open_house
from tests.e2e.mixed_load import MixedLoad, audit, settled
from voicehub.pushing import read_yaml

JUMPS = (3600, -7200, 86_400)
"""Seconds that the hub's clock is away from the real one, one after the other."""
BETWEEN_SECONDS, BETWEEN_ACTS = 8.0, 7
"""From one jump to the next, so long at least and so many acknowledged acts; those take what the machine gives them."""
PATIENCE = 240.0
RELATIVE_SLEEP = """import select, time
time.sleep = lambda seconds: select.select([], [], [], seconds)
"""
"""libfaketime 0.9.10 moves the end of an absolute sleep on the monotonic clock, which is how Python sleeps, by the
offset of the wall clock, and the kernel refuses it (EINVAL)."""
PEOPLE, PUSHES, SEED = 2, 2, 5
STILL_ON_ITS_WAY = "This version cannot be listened to yet."


def fake_clock_library() -> Path:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    assert found, "libfaketime is missing: apt-get install libfaketime"
    return found[0]


def test_a_clock_that_jumps_loses_nothing(tmp_path: Path, recorded: dict[str, Recorded], card: Path) -> None:
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    (tmp_path / "sitecustomize.py").write_text(RELATIVE_SLEEP)
    environment = {
        "LD_PRELOAD": str(fake_clock_library()),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_DONT_RESET": "1",
        "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]),
    }
    with open_house(tmp_path, environment=environment) as house:
        person = house.person("busy")
        voice = {"s1": S1, "s2": CHECKPOINTS / "tiny_v2_e8_s128.pth", "prompt": recorded["v2"].prompt}
        load = MixedLoad(house.url, house.token(person), tmp_path, voice, read_yaml(card))
        with load.running(PEOPLE, person.name, PUSHES, SEED):
            for jump in JUMPS:
                _lived(load)
                offset.write_text(f"{jump:+d}\n")
        settled(load, patience=PATIENCE)
        assert _hub_is_ahead(house, load) == pytest.approx(JUMPS[-1], abs=60), "the hub does not see the jumps"
        assert {said for said in load.ledger.refusals if not said.endswith(STILL_ON_ITS_WAY)} == set()
        assert load.ledger.acknowledged() >= BETWEEN_ACTS * len(JUMPS)
        assert audit(load) == []


def _lived(load: MixedLoad) -> None:
    """Until the people have done something between two jumps."""
    before, begin = load.ledger.acknowledged(), time.monotonic()
    while time.monotonic() < begin + BETWEEN_SECONDS or load.ledger.acknowledged() < before + BETWEEN_ACTS:
        assert time.monotonic() < begin + PATIENCE, load.ledger
        time.sleep(0.5)


def _hub_is_ahead(house: House, load: MixedLoad) -> float:
    """Seconds between the hub's clock and ours, by what it writes under a new comment."""
    name = sorted(load.ledger.repositories)[0]
    with load.client() as client:
        said = client.comment(name, "What time is it?")
    assert said.create_time is not None
    return said.create_time.timestamp() - time.time()
