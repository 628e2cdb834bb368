"""The contract of training, on a worker process of this machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from services.common import migrations
from services.common.database import Database
from services.common.objects import Area
from services.trainer import runner, store
from services.trainer.domain.jobs import State
from services.trainer.runner import Runner
from tests.cluster.looking import wait_for
from tests.contract.training_suite import PATIENCE_SECONDS, Place, TrainingContract, opened, publisher, worker_script

MIGRATIONS = Path("services/trainer/migrations")


@pytest.fixture
def place(tmp_path: Path, database_url: str, objects_url: str) -> Iterator[Place]:
    database, objects, told = Database(database_url), opened(objects_url), tmp_path / "told"
    migrations.upgrade(database, MIGRATIONS)
    command, published = worker_script(tmp_path, told), list[str]()

    def again() -> Runner:
        made = Runner(database, objects, tmp_path / "work", tmp_path / "bases", publisher(database, published), command)
        made.start()
        return made

    made = Place(database, objects, told, again(), again, published)
    yield made
    (told / "wait").unlink(missing_ok=True)
    made.training.stop()


class TestProcess(TrainingContract):
    def test_a_job_cancelled_before_its_worker_is_there_has_none(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its worker would be held in the third epoch, and the next job would never begin."""
        (place.told / "wait").touch()
        opened_again = place.objects.open
        cancelled = list[str]()

        def cancelled_meanwhile(area: Area, digest: str, offset: int = 0) -> BinaryIO:
            if not cancelled:
                with place.database.read() as session:
                    (job,) = store.in_state(session, State.RUNNING)
                place.move(job.id, State.CANCELLED)
                place.training.cancel(job.id)
                cancelled.append(job.id)
            return opened_again(area, digest, offset)

        monkeypatch.setattr(place.objects, "open", cancelled_meanwhile)
        first = place.queue()
        wait_for(lambda: cancelled == [first], PATIENCE_SECONDS, "cancelled")
        second = place.queue()
        wait_for(lambda: len(place.steps(second)) == 3, PATIENCE_SECONDS, "three epochs of the second")

    @pytest.mark.parametrize("changes", [{"recording": "c" * 64}, {"base": "b" * 64}], ids=["recording", "base"])
    def test_what_is_gone_is_told_to_the_owner_and_the_next_job_runs(
        self, place: Place, changes: dict[str, str]
    ) -> None:
        lost, other = place.queue(**changes), place.queue()
        (gone,) = changes
        assert place.wait(lost, State.FAILED).failure.startswith(f"The {gone} of this job is gone. ")
        place.wait(other, State.SUCCEEDED)

    @pytest.mark.parametrize(
        ("error", "state"), [(ConnectionError("away"), State.SUCCEEDED), (ValueError("a fault"), State.FAILED)]
    )
    def test_a_worker_that_nobody_hears_any_more_is_ended_and_its_job_is_not_left_running(
        self, place: Place, monkeypatch: pytest.MonkeyPatch, error: Exception, state: State
    ) -> None:
        """What is away comes back; anything else is told to the owner."""
        made = place.training
        assert isinstance(made, Runner)
        monkeypatch.setattr(runner, "AWAY_SECONDS", 0.05)
        report, unheard = made.report, list[subprocess.Popen[str]]()

        def once(*told: Any) -> None:
            if "epoch 2" in told and not unheard:
                assert made._worker
                unheard.append(made._worker[1])
                (place.told / "wait").unlink()
                raise error
            report(*told)

        monkeypatch.setattr(made, "report", once)
        (place.told / "wait").touch()
        job_id, other = place.queue(), place.queue()
        ended = place.wait(job_id, state)
        assert unheard[0].returncode is not None
        assert ended.failure in ("", "Training failed: a fault. Resume the job to try again.")
        place.wait(other, State.SUCCEEDED)
