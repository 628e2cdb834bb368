from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tools import scratch as module
from tools.scratch import has_room, scratch


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that has room."""
    monkeypatch.delenv("TMPDIR", raising=False)
    monkeypatch.setattr(module, "ROOM", 1 << 20)
    return tmp_path


def test_a_suite_has_a_folder_of_its_own_that_goes_with_it(memory: Path) -> None:
    with scratch("unit", memory) as told:
        own = Path(told["TMPDIR"])
        assert own.parent == memory
        assert own.stat().st_mode & 0o777 == 0o700
        (own / "file").touch()
    assert not own.exists()


def test_what_a_failed_test_left_stays_until_the_next_run(memory: Path) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    with scratch("unit", memory) as told:
        log = Path(told["TMPDIR"]) / "pytest-of-me" / "pytest-0" / "test_it0" / "log"
        log.parent.mkdir(parents=True)
        log.touch()
    assert log.exists()
    left = Path(told["TMPDIR"]).rename(memory / f"voicehub-tests-{ended.pid}-unit")
    with scratch("e2e", memory):
        assert not left.exists()


def test_without_room_or_by_wish_it_is_where_the_system_says(memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM", 1 << 60)
    assert not has_room(memory)
    with scratch("unit", memory) as told:
        assert told == {}
    monkeypatch.setattr(module, "ROOM", 1 << 20)
    assert has_room(memory)
    monkeypatch.setitem(os.environ, "TMPDIR", "/elsewhere")
    with scratch("unit", memory) as told:
        assert told == {}
    assert not has_room(memory / "absent")
