"""The contract of training, on a worker process of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from services.common import migrations
from services.common.database import Database
from services.common.objects import Area
from services.trainer import store
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
        made = Runner(database, objects, tmp_path / "work", tmp_path / "bases", publisher(published), command)
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
