"""What every adapter of the training port keeps. Its worker is a process that speaks as the pipeline's does."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from services.common.clock import now
from services.common.database import Database
from services.common.ids import new_id
from services.common.objects import Area, ObjectStore, open_store
from services.trainer import records, store
from services.trainer.domain.jobs import Job, State
from services.trainer.port import Training
from tests.cluster.looking import wait_for

PATIENCE_SECONDS = 120.0
# Five epochs, one a line, each kept in `tune`; it goes on after those that it finds. Files in the folder HOLD tell it
# to wait after the third epoch, to refuse, or to fail.
WORKER = """
import json, os, pathlib, sys, time
folder, told = pathlib.Path(sys.argv[1]), pathlib.Path(HOLD)
def say(**line): print(json.dumps(line), flush=True)
request = json.loads((folder / "request.json").read_text())
with (told / "starts").open("a") as file: file.write((folder / "recording").read_text() + request["language"] + "\\n")
if (told / "refuse").exists():
    say(failure="Two voices. Record one."); raise SystemExit(65)
tune = folder / "tune"; tune.mkdir(exist_ok=True)
done = len(list(tune.iterdir()))
with (told / "begins").open("a") as file: file.write(f"{done}\\n")
for epoch in range(done, 5):
    part = tune / f"epoch-{epoch}"; part.write_text("weights")
    say(step="train", fraction=(epoch + 1) / 5, message=f"epoch {epoch}", figures={"loss": 1.0})
    while epoch == 2 and (told / "wait").exists(): time.sleep(0.02)
(folder / "voice").mkdir(exist_ok=True)
(folder / "voice" / "voice.yaml").write_text("a voice")
say(report={"figures": {"epochs": 5.0}})
"""


@dataclass
class Place:
    """A trainer without its gRPC surface: database, objects, the port, and what was published."""

    database: Database
    objects: ObjectStore
    told: Path
    training: Training
    again: Callable[[], Training]
    published: list[str] = field(default_factory=list)
    settled: Callable[[str], None] = field(default=lambda _: None)
    """Waits until a cancelled job has ended where it is worked on."""

    def queue(self, **changes: Any) -> str:
        """A queued job, but for the changes."""
        recording = self.objects.put(Area.QUARANTINE, [b"recording "])
        job = Job(
            new_id(), "ana", "ana", "reader", State.QUEUED, recording.digest, recording.size, "a.wav", "words", "en",
            {"source": "s", "license": "l", "consent": "c"}, {}, False, True, "", now(),
        )  # fmt: skip
        with self.database.write() as session:
            store.add(session, replace(job, **changes), "")
        self.training.wake()
        return job.id

    def held(self) -> str:
        """A job whose worker waits after its third epoch, until the file `wait` is gone."""
        (self.told / "wait").touch()
        job_id = self.queue()
        wait_for(lambda: len(self.steps(job_id)) == 3, PATIENCE_SECONDS, "three epochs")
        return job_id

    def job(self, job_id: str) -> Job:
        """As it stands."""
        with self.database.read() as session:
            found = store.find(session, job_id)
        assert found is not None
        return found

    def wait(self, job_id: str, state: State, seconds: float = PATIENCE_SECONDS) -> Job:
        """Until it is so."""
        wait_for(lambda: self.job(job_id).state is state, seconds, lambda: f"{state}: {self.job(job_id)}")
        return self.job(job_id)

    def steps(self, job_id: str) -> list[str]:
        """The messages of its training."""
        with self.database.read() as session:
            return [one.message for one in store.steps_after(session, job_id, 0) if one.step == "train"]

    def move(self, job_id: str, state: State) -> None:
        """As the service does for its owner."""
        with self.database.write() as session:
            store.set_state(session, job_id, state)

    def begins(self) -> list[int]:
        """With how many epochs each worker began."""
        return [int(line) for line in (self.told / "begins").read_text().split()]


def worker_script(folder: Path, told: Path) -> tuple[str, str]:
    """The command of the worker."""
    told.mkdir(exist_ok=True)
    script = folder / "worker.py"
    script.write_text(WORKER.replace("HOLD", repr(str(told))))
    return sys.executable, str(script)


def publisher(database: Database, place: list[str]) -> Callable[[Job, Path], str]:
    """Takes a voice folder as the catalog does, and remembers whose; by then it must be too late to cancel the job."""

    def publish(job: Job, voice: Path) -> str:
        place.append(job.id)
        with database.read() as session:
            current = store.find(session, job.id)
        assert current is not None
        assert current.being_pushed
        assert (voice / "voice.yaml").read_text() == "a voice"
        return f"version-of-{job.id}"

    return publish


def opened(url: str) -> ObjectStore:
    """An object store."""
    return open_store(url)


class TrainingContract:
    """The suite; a subclass gives the fixture `place`."""

    def test_a_queued_job_becomes_a_version_and_tells_every_step(self, place: Place) -> None:
        job_id = place.queue()
        ended = place.wait(job_id, State.SUCCEEDED)
        assert ended.version_id == f"version-of-{job_id}"
        assert ended.report["figures"]["epochs"] == 5.0
        assert place.steps(job_id) == [f"epoch {n}" for n in range(5)]
        assert place.published == [job_id]
        assert (place.told / "starts").read_text() == "recording en\n"

    def test_a_refused_recording_fails_with_its_reason_and_is_not_tried_again(self, place: Place) -> None:
        (place.told / "refuse").touch()
        job_id = place.queue()
        ended = place.wait(job_id, State.FAILED)
        assert ended.failure == "Two voices. Record one."
        assert (place.told / "starts").read_text().count("\n") == 1
        assert not place.published

    def test_a_cancelled_job_goes_on_where_it_stopped_when_it_is_resumed(self, place: Place) -> None:
        job_id = place.held()
        place.move(job_id, State.CANCELLED)
        place.training.cancel(job_id)
        place.settled(job_id)
        (place.told / "wait").unlink()
        place.move(job_id, State.QUEUED)
        place.training.wake()
        place.wait(job_id, State.SUCCEEDED)
        assert place.begins() == [0, 3]
        assert place.published == [job_id]

    def test_a_job_cancelled_as_its_push_would_begin_is_not_pushed(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begin_push = records.begin_push

        def cancelled_before(session: Session, job_id: str) -> bool:
            store.set_state(session, job_id, State.CANCELLED)
            return begin_push(session, job_id)

        monkeypatch.setattr(records, "begin_push", cancelled_before)
        for job_id in (place.queue(), place.queue()):
            place.wait(job_id, State.CANCELLED)
        assert not place.published

    def test_a_trainer_that_starts_anew_loses_nothing_and_pushes_once(self, place: Place) -> None:
        job_id = place.held()
        place.training.stop()
        (place.told / "wait").unlink()
        place.training = place.again()
        place.wait(job_id, State.SUCCEEDED)
        assert place.published == [job_id]

    @pytest.mark.parametrize("url", ["gopher://x", "kubernetes://namespace", "kubernetes:///queue"])
    def test_an_unknown_place_is_refused(self, place: Place, tmp_path: Path, url: str) -> None:
        from services.trainer.port import open_training

        with pytest.raises(ValueError, match="VOICEHUB_TRAINING_URL"):
            open_training(url, place.database, place.objects, tmp_path, tmp_path, publisher(place.database, []))
