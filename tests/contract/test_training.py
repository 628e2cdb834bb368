"""The contract of training, on a worker process of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.common import migrations
from services.common.database import Database
from services.trainer.runner import Runner
from tests.contract.training_suite import Place, TrainingContract, opened, publisher, worker_script

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
    pass
