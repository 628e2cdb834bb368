"""Training in a cluster: each queued job becomes a TrainingJob, and the operator gives it a pod with GPUs.

The trainer needs no GPU. It looks every second at the TrainingJobs of its open jobs: they are the truth about where a
job stands; what happens inside comes from the workers as events (`hearing`). Names follow from job ids, so that a
trainer that died in between makes nothing twice.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from services.common.clock import now
from services.common.database import Database
from services.common.errors import Conflict
from services.common.kubernetes import Kubernetes, KubernetesError
from services.common.objects import Area, ObjectStore
from services.common.subscriptions import Subscription
from services.trainer import cluster_store, leavings, records, store
from services.trainer.domain.jobs import Job, State
from services.trainer.hearing import Hearing
from services.trainer.news import News
from services.trainer.port import Publish
from services.trainer.runner import work_order

log = logging.getLogger(__name__)
LOOK_SECONDS, ENDING_SECONDS = 1.0, 120.0
"""Between two looks; for how long the worker of a training that has succeeded may take to end by itself."""
JOB_LABEL = "voicehub.dev/training-job"
OVER = ("Succeeded", "Failed", "Cancelled")
Resource = dict[str, Any]


class Cluster:
    """The adapter of the training port for `kubernetes://namespace/queue`."""

    tunes_versions = False

    def __init__(self, namespace: str, queue: str, database: Database, objects: ObjectStore, publish: Publish) -> None:
        self._queue, self._database, self._objects = queue, database, objects
        self._api = Kubernetes(namespace, "trainingjobs")
        self._news, self._work, self._stop = News(), threading.Event(), threading.Event()
        self._hearing = Hearing(database, objects, publish, self._work.set)
        self._looked = -1  # the news up to which nothing is left that must be cancelled
        self._thread = threading.Thread(target=self._run, name="trainer-cluster", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more; the jobs go on in the cluster."""
        self._stop.set()
        self._work.set()
        self._thread.join(timeout=10)
        self._api.close()

    def wake(self) -> None:
        """There is something to look at."""
        self._news.wake()
        self._work.set()

    def generation(self) -> int:
        """How many news there were so far."""
        return self._news.generation()

    def wait_for_news(self, seen: int, timeout: float) -> None:
        """Waits until there are news after `seen`."""
        self._news.wait_for_news(seen, timeout)

    def cancel(self, job_id: str) -> None:
        """The next look finds a TrainingJob whose job is cancelled, and cancels it."""
        self.wake()

    def forget(self, job_id: str) -> None:
        """Its TrainingJob is cancelled by a next look, and what it has stored is removed."""
        self.wake()

    def subscriptions(self) -> Sequence[Subscription]:
        """Events of workers."""
        return (self._hearing.subscription(),)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                leavings.remove(self._database, self._objects)
                self._look()
            except Exception:  # edge of the thread: the cluster or the database comes back
                log.exception("look at the cluster failed, trying again")
            if self._work.wait(LOOK_SECONDS):
                self._work.clear()
                self._news.wake()

    def _look(self) -> None:
        seen = self._news.generation()  # before the jobs are read: one cancelled after that is for the next look
        with self._database.read() as session:
            jobs = [*store.in_state(session, State.RUNNING), *store.in_state(session, State.QUEUED)]
        if not jobs and seen == self._looked:
            return
        there = {r["metadata"]["labels"][JOB_LABEL]: r for r in self._api.items(f"{JOB_LABEL},{_mine(self._queue)}")}
        open_jobs = {job.id for job in jobs}
        for job in jobs:
            try:
                self._attend(job, there.get(job.id))
            except (KubernetesError, Conflict) as error:  # of one: the others are looked at nevertheless
                log.warning("look at a job failed, trying again", exc_info=error, extra={"job": job.id})
        strangers = [r for job_id, r in there.items() if job_id not in open_jobs and _phase(r) not in OVER]
        for resource in strangers:
            try:
                if not self._is_left_alone(resource):
                    self._cancel(resource)
            except KubernetesError as error:  # of one: the others' GPUs are freed nevertheless
                log.warning("a training could not be cancelled, trying again", exc_info=error)
        if not strangers:
            self._looked = seen

    def _attend(self, job: Job, resource: Resource | None) -> None:
        with self._database.read() as session:
            work = cluster_store.find(session, job.id)
        if resource is None:
            if work.made and self._api.get(name_of(job)) is not None:
                return  # another trainer made it since we listed them
            if work.made:
                self._fail(job, "Its TrainingJob was removed from the cluster. Resume the job to go on.")
            else:
                self._make(job, work)
        elif resource["metadata"]["uid"] != work.uid:
            self._adopt(job, work, resource)
        else:
            self._follow(job, work, resource)

    def _make(self, job: Job, work: cluster_store.Work) -> None:
        order = json.dumps({**work_order(job), "job": job.id, "recording": job.recording}, sort_keys=True).encode()
        request = self._objects.put(Area.QUARANTINE, [order])
        with self._database.write() as session:
            cluster_store.keep_object(session, job.id, request.digest, cluster_store.Kind.REQUEST)
            cluster_store.belongs(session, job.id, cluster_store.MAKING)
        manifest = {
            "apiVersion": "voicehub.dev/v1alpha1",
            "kind": "TrainingJob",
            "metadata": {
                "name": name_of(job),
                "labels": {JOB_LABEL: job.id, **dict([_mine(self._queue).split("=")])},
            },
            "spec": {
                "queue": self._queue, "organisation": organisation_of(job), "job": job.id, "request": request.digest,
                "checkpoint": work.checkpoint,
            },
        }  # fmt: skip
        try:
            made = self._api.create(manifest)
        except KubernetesError as error:
            if error.status == 409:
                return  # the next look sees it
            raise
        with self._database.write() as session:
            cluster_store.belongs(session, job.id, made["metadata"]["uid"])

    def _adopt(self, job: Job, work: cluster_store.Work, resource: Resource) -> None:
        """One of a former round ends and is removed first; one that was made just before a crash is the job's.

        One that is cancelled and still ends is left to: with it went its pod from view, and a second began beside it.
        """
        if _phase(resource) in OVER:
            self._api.delete(resource["metadata"]["name"], resource["metadata"]["uid"])
            return  # the next look
        if not resource["spec"].get("cancelled"):
            if work.uid:
                self._take(job, resource)
            else:  # its worker has said its last word, which was that of the former round
                self._cancel(resource)

    def _take(self, job: Job, resource: Resource) -> None:
        with self._database.write() as session:
            current = store.find(session, job.id)
            if current is not None and not current.state.ended:  # its worker may have said the end since we looked
                cluster_store.belongs(session, job.id, resource["metadata"]["uid"])

    def _follow(self, job: Job, work: cluster_store.Work, resource: Resource) -> None:
        status = resource.get("status") or {}
        phase = _phase(resource)
        if phase == "Failed":
            reason = status.get("message") or status.get("reason", "")
            self._fail(job, f"Training failed: {reason}. Resume the job to try again.")
        elif phase == "Cancelled":
            self._fail(job, "The operator of this hub has cancelled the training. Resume the job to try again.")
        elif phase == "Running" and job.state is State.QUEUED:
            with self._database.write() as session:
                store.set_state(session, job.id, State.RUNNING)
            self._news.wake()
        self._tell(job, work, resource, status)

    def _tell(self, job: Job, work: cluster_store.Work, resource: Resource, status: Mapping[str, Any]) -> None:
        """Progress and checkpoint go from the events to the status."""
        said: dict[str, Any] = {"checkpoint": work.checkpoint} if work.checkpoint else {}
        if job.progress:
            progress = job.progress
            fraction = min(max(round(progress.fraction, 4), 0.0), 1.0)
            said["progress"] = {"step": progress.step, "fraction": fraction, "message": progress.message[:1024]}
        if any(status.get(key) != value for key, value in said.items()):
            self._api.patch(resource["metadata"]["name"], {"status": said}, "status")

    def _is_left_alone(self, resource: Resource) -> bool:
        """Another trainer has begun it since we looked; or it ends by itself.

        A voice is published sooner than the cluster has seen its pod's end: that is no cancelled training.
        """
        with self._database.read() as session:
            job = store.find(session, resource["metadata"]["labels"][JOB_LABEL])
        if job is None or not job.state.ended:
            return job is not None
        if job.state is not State.SUCCEEDED or job.end_time is None:
            return False
        return now() - job.end_time < timedelta(seconds=ENDING_SECONDS)

    def _cancel(self, resource: Resource) -> None:
        """Its job has ended, or was never ours to keep."""
        if not resource["spec"].get("cancelled"):
            self._api.patch(resource["metadata"]["name"], {"spec": {"cancelled": True}})
        with self._database.write() as session:
            cluster_store.forget(session, resource["metadata"]["labels"][JOB_LABEL])

    def _fail(self, job: Job, failure: str) -> None:
        with self._database.write() as session:
            current = store.find(session, job.id)
            if current and current.being_pushed:
                return  # it needs no TrainingJob any more, and may be published already
            if current and not current.state.ended:
                records.fail(session, job.id, failure)
            cluster_store.forget(session, job.id)
        self._news.wake()


def name_of(job: Job) -> str:
    """Of its TrainingJob."""
    return f"t-{job.id.lower()}"


def organisation_of(job: Job) -> str:
    """Who the GPU time is counted for, as a label may say it."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", job.owner)[:63].strip("-_.") or "nobody"


def _mine(queue: str) -> str:
    return f"voicehub.dev/trainer={queue}"


def _phase(resource: Resource) -> str:
    return str((resource.get("status") or {}).get("phase", ""))
