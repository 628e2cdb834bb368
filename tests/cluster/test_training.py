"""The contract of training in a cluster: the real operator and API, and workers that are really run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from time import sleep
from typing import TYPE_CHECKING, Any

import pytest

from services.common import migrations
from services.common.database import Database
from services.common.errors import NotFound
from services.common.events import open_bus
from services.common.objects import Area
from services.common.outbox import Relay
from services.common.subscriptions import Subscriber
from services.trainer.cluster import JOB_LABEL, LOOK_SECONDS, Cluster
from services.trainer.domain.jobs import Job, State
from tests.cluster.looking import Client, wait_for
from tests.cluster.operating import ROOT, Replica, account, install_crds, queue
from tests.cluster.process_pods import HELD, ProcessPods
from tests.contract.training_suite import PATIENCE_SECONDS, Place, TrainingContract, opened, publisher, worker_script

if TYPE_CHECKING:
    from tests.cluster.control_plane import ControlPlane

# The worker of a pod, with the short worker process of the suite in the place of the pipeline's. With its last word
# said it stays for as long as there is a file `linger`.
POD = """
import os, pathlib, sys, time
from services.common.settings import load
from services.trainer import pod
pod.CHECKPOINT_SECONDS = pod.CHECKPOINT_REST = 0.0
code = pod.main(load("trainer"), os.environ, pathlib.Path(os.environ["VOICEHUB_WORK"]) / "t", sys.argv[1:])
while (pathlib.Path(os.environ["VOICEHUB_DATA"]) / "told" / "linger").exists(): time.sleep(0.02)
raise SystemExit(code)
"""


@pytest.fixture
def pods(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Iterator[ProcessPods]:
    (tmp_path / "pods").mkdir()
    environment = {**places(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path), "VOICEHUB_DATA": str(tmp_path)}
    client = Client(control_plane.kubeconfig, namespace)
    command = [sys.executable, "-c", POD, *worker_script(tmp_path, tmp_path / "told")]
    with ProcessPods(client, lambda _: command, environment, tmp_path / "pods") as running:
        yield running


def places(folder: Path) -> dict[str, str]:
    """The engines that trainer and workers share."""
    return {
        "VOICEHUB_EVENTS_URL": f"sqlite:///{folder / 'events.sqlite'}",
        "VOICEHUB_OBJECTS_URL": f"file://{folder / 'objects'}",
    }


@pytest.fixture
def place(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pods: ProcessPods
) -> Iterator[Place]:
    install_crds(control_plane)
    client = Client(control_plane.kubeconfig, namespace)
    client.create("trainingqueues", queue(namespace, "gpu", 2, podAnnotations=HELD))
    monkeypatch.setenv("KUBECONFIG", str(account(control_plane, namespace, "trainer", tmp_path)))
    events, stored = places(tmp_path).values()
    database, objects, bus = Database(f"sqlite:///{tmp_path / 'trainer.sqlite'}"), opened(stored), open_bus(events)
    migrations.upgrade(database, ROOT / "services/trainer/migrations")
    told, published = tmp_path / "told", list[str]()
    operator = Replica(account(control_plane, namespace, "operator", tmp_path), namespace, "one", tmp_path)
    with ExitStack() as stack:
        stack.enter_context(operator)

        def again() -> Cluster:
            made = Cluster(namespace, "gpu", database, objects, publisher(database, published))
            subscribers = [Subscriber(one, database, bus) for one in made.subscriptions()]
            runners: list[Relay | Subscriber] = [Relay(database, bus), *subscribers]
            for runner in runners:
                runner.start()
                stack.callback(runner.stop)
            made.start()
            stack.callback(made.stop)
            return made

        def settled(job_id: str) -> None:
            name = f"t-{job_id.lower()}"
            wait_for(
                lambda: client.get("trainingjobs", name)["status"].get("phase") == "Cancelled",
                PATIENCE_SECONDS,
                "cancelled",
            )

        yield Place(database, objects, told, again(), again, published, settled)
        (told / "wait").unlink(missing_ok=True)
        for one in client.items("trainingqueues"):
            client.patch("trainingqueues", one["metadata"]["name"], {"metadata": {"finalizers": None}})


def phase_of(place: Place, job_id: str) -> str:
    """Where its TrainingJob stands."""
    assert isinstance(place.training, Cluster)
    (one,) = place.training._api.items(f"{JOB_LABEL}={job_id}")
    return str(one["status"]["phase"])


class TestCluster(TrainingContract):
    def test_a_killed_worker_goes_on_from_its_last_checkpoint(self, place: Place, pods: ProcessPods) -> None:
        """In another pod, with the hub's own worker of pods; without a checkpoint it would begin with none."""
        job_id = place.held()
        pods.kill_all()
        (place.told / "wait").unlink()
        place.wait(job_id, State.SUCCEEDED)
        first, second = place.begins()
        assert first == 0
        assert second in (2, 3)  # it may have been killed before it had stored the third
        assert place.steps(job_id)[-1] == "epoch 4"

    def test_a_job_cancelled_in_the_middle_of_a_look_is_cancelled_in_the_cluster(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The look that has read the job as running takes it for its own, so it must not be the last."""
        job_id = place.held()
        assert isinstance(place.training, Cluster)
        api = place.training._api
        listed = api.items

        def cancelled_meanwhile(labels: str) -> list[dict[str, Any]]:
            if place.job(job_id).state is State.RUNNING:
                place.move(job_id, State.CANCELLED)
                place.training.cancel(job_id)
            return listed(labels)

        monkeypatch.setattr(api, "items", cancelled_meanwhile)
        place.settled(job_id)

    def test_a_job_that_the_cluster_refuses_is_no_burden_to_the_others(self, place: Place) -> None:
        """As one beyond a quota of its namespace, which would never have room were the others not ended."""
        job_id = place.held()
        place.queue(id="no_name_in_a_cluster")
        place.move(job_id, State.CANCELLED)
        place.training.cancel(job_id)
        place.settled(job_id)
        assert place.job("no_name_in_a_cluster").state is State.QUEUED

    def test_what_another_trainer_begins_in_the_middle_of_a_look_is_not_cancelled(
        self, place: Place, namespace: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of two, or while one takes the other's place: the look of one has read the jobs before there was this one."""
        place.held()
        assert isinstance(place.training, Cluster)
        api, begun, cancelled = place.training._api, list[str](), list[str]()
        another = Cluster(namespace, "gpu", place.database, place.objects, place.training._hearing._publish)
        listed, patch = api.items, api.patch

        def begun_meanwhile(labels: str) -> list[dict[str, Any]]:
            if not begun:
                begun.append(place.queue())
                another._look()
            return listed(labels)

        def noted(name: str, change: dict[str, Any], part: str = "") -> None:
            cancelled.extend([name] if change.get("spec", {}).get("cancelled") else [])
            patch(name, change, part)

        monkeypatch.setattr(api, "patch", noted)
        monkeypatch.setattr(api, "items", begun_meanwhile)
        place.training.wake()
        wait_for(lambda: bool(begun), PATIENCE_SECONDS, "a look")
        (place.told / "wait").unlink()
        place.wait(begun[0], State.SUCCEEDED)
        assert not cancelled

    def test_what_another_trainer_makes_after_the_list_was_read_is_not_taken_for_removed(
        self, place: Place, namespace: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert isinstance(place.training, Cluster)
        api, listed = place.training._api, place.training._api.items
        another = Cluster(namespace, "gpu", place.database, place.objects, place.training._hearing._publish)

        def made_meanwhile(labels: str) -> list[dict[str, Any]]:
            found = listed(labels)
            if not found:
                another._look()
            return found

        monkeypatch.setattr(api, "items", made_meanwhile)
        place.wait(place.queue(), State.SUCCEEDED)

    def test_a_job_resumed_at_once_waits_for_the_end_of_its_former_pod(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its TrainingJob is removed when that has ended, not before: what is removed is not waited for."""
        job_id = place.held()
        assert isinstance(place.training, Cluster)
        api = place.training._api
        patch, delete, phases = api.patch, api.delete, list[str]()

        def resumed_at_once(name: str, change: dict[str, Any], part: str = "") -> None:
            patch(name, change, part)
            if change.get("spec", {}).get("cancelled"):
                place.move(job_id, State.QUEUED)
                place.training.wake()

        def removed(name: str, uid: str) -> None:
            (one,) = api.items(JOB_LABEL)
            phases.append(one["status"]["phase"])
            delete(name, uid)
            (place.told / "wait").unlink(missing_ok=True)

        monkeypatch.setattr(api, "patch", resumed_at_once)
        monkeypatch.setattr(api, "delete", removed)
        place.move(job_id, State.CANCELLED)
        place.training.cancel(job_id)
        place.wait(job_id, State.SUCCEEDED)
        assert set(phases) == {"Cancelled"}

    def test_a_job_resumed_after_a_failed_push_is_not_left_to_the_pod_that_has_said_all(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No look falls between the failure and the resume, and the former round's pod still ends: it says no more."""
        assert isinstance(place.training, Cluster)
        hearing, api = place.training._hearing, place.training._api
        publish, listed, refused, looking, resumed = hearing._publish, api.items, Event(), Event(), Event()

        def refused_once(job: Job, voice: Path) -> str:
            if refused.is_set():
                return publish(job, voice)
            refused.set()
            assert looking.wait(PATIENCE_SECONDS)
            raise NotFound("No such owner.")

        def slow(labels: str) -> list[dict[str, Any]]:
            if refused.is_set():
                looking.set()
                assert resumed.wait(PATIENCE_SECONDS)
            return listed(labels)

        monkeypatch.setattr(hearing, "_publish", refused_once)
        monkeypatch.setattr(api, "items", slow)
        (place.told / "linger").touch()
        job_id = place.queue()
        place.wait(job_id, State.FAILED)
        place.move(job_id, State.QUEUED)
        resumed.set()
        sleep(3 * LOOK_SECONDS)
        (place.told / "linger").unlink()
        place.wait(job_id, State.SUCCEEDED)
        assert place.published == [job_id]

    def test_a_job_whose_voice_is_being_pushed_does_not_fail_with_its_training_job(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its credits came back and it was to be resumed, while its voice was published."""
        assert isinstance(place.training, Cluster)
        hearing, api, pushing, go = place.training._hearing, place.training._api, Event(), Event()
        publish = hearing._publish

        def slow(job: Job, voice: Path) -> str:
            pushing.set()
            assert go.wait(PATIENCE_SECONDS)
            return publish(job, voice)

        monkeypatch.setattr(hearing, "_publish", slow)
        job_id = place.queue()
        assert pushing.wait(PATIENCE_SECONDS)
        (resource,) = api.items(f"{JOB_LABEL}={job_id}")
        api.delete(resource["metadata"]["name"], resource["metadata"]["uid"])
        wait_for(lambda: not api.items(f"{JOB_LABEL}={job_id}"), PATIENCE_SECONDS, "removed")
        sleep(3 * LOOK_SECONDS)
        assert place.job(job_id).being_pushed
        go.set()
        place.wait(job_id, State.SUCCEEDED)
        assert place.published == [job_id]

    def test_a_worker_that_still_ends_when_its_voice_is_published_is_no_cancelled_one(self, place: Place) -> None:
        """On a busy machine the hub is told of the end, and has published, before the cluster has seen the pod's."""
        job_id = self.published_before_its_end(place)
        (place.told / "wait").unlink()
        wait_for(lambda: phase_of(place, job_id) == "Succeeded", PATIENCE_SECONDS, lambda: phase_of(place, job_id))

    def test_a_worker_that_does_not_end_when_its_voice_is_published_is_ended(
        self, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would keep its GPU for nothing."""
        monkeypatch.setattr("services.trainer.cluster.ENDING_SECONDS", 3 * LOOK_SECONDS)
        job_id = self.published_before_its_end(place)
        place.settled(job_id)

    def published_before_its_end(self, place: Place) -> str:
        """A job whose worker waits, while the hub knows all of its end; after a look of the trainer."""
        job_id = place.held()
        assert isinstance(place.training, Cluster)
        api, looks = place.training._api, list[str]()
        listed = api.items

        def looked(labels: str) -> list[dict[str, Any]]:
            looks.append(labels)
            return listed(labels)

        place.move(job_id, State.SUCCEEDED)
        api.items = looked  # type: ignore[method-assign]
        place.training.wake()
        wait_for(lambda: len(looks) >= 2, PATIENCE_SECONDS, "a whole look")
        api.items = listed  # type: ignore[method-assign]
        assert phase_of(place, job_id) == "Running"
        return job_id

    def test_of_a_training_that_has_ended_only_the_recording_stays(self, place: Place) -> None:
        def stored() -> set[str]:
            return set(place.objects.digests(Area.QUARANTINE))

        job_id = place.held()
        recording = place.job(job_id).recording
        # The control: the request and one or two checkpoints.
        wait_for(lambda: len(stored() - {recording}) in (2, 3), PATIENCE_SECONDS, lambda: str(stored()))
        (place.told / "wait").unlink()
        place.wait(job_id, State.SUCCEEDED)
        wait_for(lambda: stored() == {recording}, PATIENCE_SECONDS, lambda: str(stored()))

    def test_how_a_training_ended_is_seen_also_where_nothing_that_has_ended_is_kept(
        self, place: Place, control_plane: ControlPlane, namespace: str
    ) -> None:
        """A queue with a time to live of 0: its end was gone before anybody had looked, and told as a removal."""
        client = Client(control_plane.kubeconfig, namespace)
        client.patch("trainingqueues", "gpu", {"spec": {"ttlSecondsAfterFinished": 0}})
        job_id = place.held()
        name = f"t-{job_id.lower()}"
        client.patch("trainingjobs", name, {"spec": {"cancelled": True}})
        failure = place.wait(job_id, State.FAILED).failure
        assert failure.startswith("The operator of this hub has cancelled the training."), failure
        wait_for(lambda: not client.items("trainingjobs"), PATIENCE_SECONDS, "removed")
