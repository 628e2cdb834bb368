"""What a training leaves in the object store goes when nobody needs it, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.common import migrations
from services.common.clock import now
from services.common.database import Database
from services.common.ids import new_id
from services.common.objects import Area, ObjectStore, open_store
from services.trainer import cluster_store, leavings, store
from services.trainer.cluster_store import Kind
from services.trainer.domain.jobs import Job, State
from services.trainer.tests.conftest import MIGRATIONS


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path / 'trainer.sqlite'}")
    migrations.upgrade(made, MIGRATIONS)
    return made


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path / 'objects'}")


class Hub:
    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self.database, self.objects = database, objects

    def job(self, state: State) -> str:
        job = Job(
            new_id(), "ana", "ana", "reader", State.QUEUED, "recording", 9, "a.wav", "words", "en",
            {"source": "s", "license": "l", "consent": "c"}, {}, False, True, "", now(),
        )  # fmt: skip
        with self.database.write() as session:
            store.add(session, job, "")
            for step in {State.SUCCEEDED: (State.RUNNING, State.SUCCEEDED)}.get(state, (state,)):
                if step is not State.QUEUED:
                    store.set_state(session, job.id, step)
        return job.id

    def put(self, job: str, kind: Kind, content: str) -> str:
        stored = self.objects.put(Area.QUARANTINE, [content.encode()])
        with self.database.write() as session:
            cluster_store.keep_object(session, job, stored.digest, kind)
        return stored.digest

    def there(self) -> set[str]:
        return set(self.objects.digests(Area.QUARANTINE))


@pytest.fixture
def hub(database: Database, objects: ObjectStore) -> Hub:
    return Hub(database, objects)


def test_what_may_go_on_keeps_its_last_two_checkpoints(hub: Hub) -> None:
    job = hub.job(State.RUNNING)
    request, *checkpoints = (hub.put(job, kind, text) for kind, text in [(Kind.REQUEST, "words"), *epochs(4)])
    assert leavings.remove(hub.database, hub.objects) == 2
    assert hub.there() == {request, *checkpoints[2:]}
    assert leavings.remove(hub.database, hub.objects) == 0


def test_a_checkpoint_that_is_said_again_is_the_latest(hub: Hub) -> None:
    job = hub.job(State.RUNNING)
    one, _, three = (hub.put(job, *epoch) for epoch in epochs(3))
    hub.put(job, *epochs(1)[0])
    leavings.remove(hub.database, hub.objects)
    assert hub.there() == {one, three}


@pytest.mark.parametrize("state", [State.SUCCEEDED, None])
def test_of_a_job_that_has_succeeded_or_is_erased_all_goes(hub: Hub, state: State | None) -> None:
    job = hub.job(state) if state else "01" * 16
    for kind in Kind:
        hub.put(job, kind, kind.value)
    upload = hub.objects.put(Area.QUARANTINE, [b"an upload that nobody told of"]).digest
    assert leavings.remove(hub.database, hub.objects) == 3
    assert hub.there() == {upload}


@pytest.mark.parametrize("state", [State.QUEUED, State.FAILED, State.CANCELLED])
def test_what_can_be_resumed_loses_nothing(hub: Hub, state: State) -> None:
    job = hub.job(state)
    kept = {hub.put(job, kind, kind.value) for kind in Kind}
    assert leavings.remove(hub.database, hub.objects) == 0
    assert hub.there() == kept


def test_what_another_job_has_too_stays(hub: Hub) -> None:
    done, open_one = hub.job(State.SUCCEEDED), hub.job(State.RUNNING)
    shared = {hub.put(job, Kind.CHECKPOINT, "the same") for job in (done, open_one)}
    assert leavings.remove(hub.database, hub.objects) == 1
    assert hub.there() == shared


def epochs(count: int) -> list[tuple[Kind, str]]:
    return [(Kind.CHECKPOINT, f"epoch {number}") for number in range(count)]
