"""One attempt in a pod: what it tells and keeps while its worker goes on, and engines that are away meanwhile."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from services.common.events import Event, EventBus, open_bus
from services.common.objects import Area, ObjectInfo, ObjectStore, open_store
from services.stubs.voicehub.trainer.v1 import worker_pb2 as pb
from services.trainer import pod
from services.trainer.archives import unpack
from services.trainer.domain.endings import TRY_AGAIN
from services.trainer.pod import Order, Pod

# Twenty epochs, each kept as the fine-tune keeps it; then, as at its end, other files.
WORKER = """
import json, os, pathlib, sys
folder = pathlib.Path(sys.argv[1])
tune = folder / "tune"; tune.mkdir(exist_ok=True)
for epoch in range(20):
    for _ in range(20):
        (tune / "state.partial").write_bytes(bytes([epoch]) * 500_000)
        os.replace(tune / "state.partial", tune / "state.pt")
    print(json.dumps({"step": "train", "fraction": epoch / 20, "message": f"epoch {epoch}", "figures": {}}), flush=True)
(tune / "weights").write_text("tuned")
(folder / "voice").mkdir(); (folder / "voice" / "voice.yaml").write_text("a voice")
print(json.dumps({"report": {"seconds": 40.0}}), flush=True)
"""


class Leaving:
    """Refuses whatever number of a call is told, as an engine that is away; else it is what it wraps."""

    def __init__(self, away: Sequence[int]) -> None:
        self.calls, self._away = 0, set(away)

    def come(self) -> None:
        """One call."""
        self.calls += 1
        if self.calls in self._away:
            raise ConnectionError("away")


class LeavingBus(Leaving):
    def __init__(self, bus: EventBus, away: Sequence[int]) -> None:
        super().__init__(away)
        self._bus = bus

    def publish(self, events: Sequence[Event]) -> None:
        self.come()
        self._bus.publish(events)


class LeavingStore(Leaving):
    def __init__(self, store: ObjectStore, away: Sequence[int]) -> None:
        super().__init__(away)
        self._store = store
        self.open = store.open

    def put(self, area: Area, chunks: Iterable[bytes]) -> ObjectInfo:
        self.come()
        return self._store.put(area, chunks)


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path / 'objects'}")


@pytest.fixture
def bus(tmp_path: Path) -> EventBus:
    return open_bus(f"sqlite:///{tmp_path / 'events.sqlite'}")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pod, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(pod, "CHECKPOINT_REST", 0.0)
    monkeypatch.setattr(pod, "AWAY_SECONDS", 0.01)
    monkeypatch.setattr(pod, "LAST_WORDS", tmp_path / "termination-log")
    (tmp_path / "termination-log").touch()


def attempt(objects: ObjectStore, bus: object, store: object, tmp_path: Path) -> Pod:
    recording = objects.put(Area.QUARANTINE, [b"recording"])
    request = objects.put(Area.QUARANTINE, [json.dumps({"recording": recording.digest}).encode()])
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    order = Order("job", request.digest, "", 1)
    command = (sys.executable, str(script))
    return Pod(order, store, bus, tmp_path / "work", tmp_path / "bases", command)  # type: ignore[arg-type]


def said(bus: EventBus) -> list[Event]:
    return [delivery.event for delivery in bus.consumer("asks", ["training"]).poll(1000, 1.0)]


def test_checkpoints_are_whole_while_the_worker_goes_on(objects: ObjectStore, bus: EventBus, tmp_path: Path) -> None:
    assert attempt(objects, bus, objects, tmp_path).run() == 0
    kept = [event.parse(pb.WorkerCheckpointed) for event in said(bus) if event.type.endswith("WorkerCheckpointed")]
    assert kept
    for number, one in enumerate(kept):
        folder = tmp_path / f"kept-{number}"
        unpack(objects, one.checkpoint.digest, folder)
        state = (folder / "state.pt").read_bytes()
        assert len(state) == 500_000
        assert len(set(state)) == 1
        assert not (folder / "state.partial").exists()


@pytest.mark.parametrize("away", [range(1, 6), range(15, 60)], ids=["while it trains", "at its end"])
def test_engines_that_are_away_end_no_attempt(objects: ObjectStore, bus: EventBus, tmp_path: Path, away: range) -> None:
    leaving, store = LeavingBus(bus, away), LeavingStore(objects, away)
    assert attempt(objects, leaving, store, tmp_path).run() == 0
    assert leaving.calls > away.start, "the control: it was away"
    (finished,) = [event.parse(pb.WorkerFinished) for event in said(bus) if event.type.endswith("WorkerFinished")]
    unpack(objects, finished.voice.digest, tmp_path / "voice")
    assert (tmp_path / "voice" / "voice.yaml").read_text() == "a voice"


def test_all_that_was_stored_is_told_also_when_the_bus_was_away(
    objects: ObjectStore, bus: EventBus, tmp_path: Path
) -> None:
    """Nobody else could ever remove it."""
    leaving = LeavingBus(bus, [2, 3, 4, 7, 8, 11])
    made = attempt(objects, leaving, objects, tmp_path)
    before = set(objects.digests(Area.QUARANTINE))
    assert made.run() == 0
    events = said(bus)
    told = [e.parse(pb.WorkerCheckpointed).checkpoint.digest for e in events if e.type.endswith("WorkerCheckpointed")]
    told += [e.parse(pb.WorkerFinished).voice.digest for e in events if e.type.endswith("WorkerFinished")]
    assert set(objects.digests(Area.QUARANTINE)) - before == set(told)


def test_it_does_not_wait_for_ever(
    objects: ObjectStore, bus: EventBus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pod, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(ConnectionError):
        attempt(objects, LeavingBus(bus, range(1, 100_000)), objects, tmp_path).run()


def test_told_to_end_it_keeps_what_it_has_and_waits_for_nobody(
    objects: ObjectStore, bus: EventBus, tmp_path: Path
) -> None:
    made = attempt(objects, bus, objects, tmp_path)
    made.end()
    assert made.run() == TRY_AGAIN
    assert pod.LAST_WORDS.read_text() == "told to end"
    assert not [event for event in said(bus) if event.type.endswith("WorkerFinished")]
