"""What the trainer hears from workers in pods: progress, checkpoints, and the end."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from sqlalchemy.orm import Session

from services.common.away import is_away
from services.common.database import Database
from services.common.events import Event
from services.common.objects import ObjectStore
from services.common.subscriptions import Effect, Handler, Subscription
from services.stubs.voicehub.trainer.v1 import worker_pb2 as pb
from services.trainer import cluster_store, records, store
from services.trainer.archives import unpack
from services.trainer.domain.jobs import State
from services.trainer.port import Publish

log = logging.getLogger(__name__)


class Hearing:
    """The handlers of worker events. `heard` is called when there is news for watchers."""

    def __init__(self, database: Database, objects: ObjectStore, publish: Publish, heard: Callable[[], None]) -> None:
        self._database, self._objects, self._publish, self._heard = database, objects, publish, heard

    def subscription(self) -> Subscription:
        """One group: the events of a job keep their order."""
        handlers: dict[type[Message], Handler] = {
            pb.WorkerProgressed: self.progressed,
            pb.WorkerCheckpointed: self.checkpointed,
            pb.WorkerFinished: self.finished,
            pb.WorkerRefused: self.refused,
        }
        return Subscription(
            "trainer-workers", {("training", str(m.DESCRIPTOR.full_name)): handle for m, handle in handlers.items()}
        )

    def progressed(self, event: Event) -> Effect:
        """A step of a job that runs."""
        said = event.parse(pb.WorkerProgressed)

        def effect(session: Session) -> None:
            if _runs(session, said.job_id):
                records.report(session, said.job_id, said.step, said.fraction, said.message, dict(said.figures))
                self._heard()

        return effect

    def checkpointed(self, event: Event) -> Effect:
        """Where a further attempt goes on."""
        said = event.parse(pb.WorkerCheckpointed)
        return partial(cluster_store.keep_checkpoint, job_id=said.job_id, digest=said.checkpoint.digest)

    def finished(self, event: Event) -> Effect:
        """The voice is pushed for its owner; pushing twice makes one version."""
        said = event.parse(pb.WorkerFinished)
        pushed = self._pushed(said)

        def effect(session: Session) -> None:
            cluster_store.keep_object(session, said.job_id, said.voice.digest, cluster_store.Kind.VOICE)
            if pushed:
                pushed(session)

        return effect

    def _pushed(self, said: pb.WorkerFinished) -> Effect | None:
        with self._database.write() as session:
            job = store.find(session, said.job_id)
            may = _runs(session, said.job_id) and records.begin_push(session, said.job_id)
        if job is None or not may:
            return None
        self._heard()
        try:
            with tempfile.TemporaryDirectory(prefix="voicehub-voice-") as folder:
                unpack(self._objects, said.voice.digest, Path(folder))
                version = self._publish(job, Path(folder))
        except Exception as error:  # edge of a job: whatever stops the push is told to its owner
            if is_away(error):
                raise
            log.exception("push failed", extra={"job": job.id})
            return self._failure(
                job.id, f"The voice is trained but could not be pushed: {error} Resume the job to try again."
            )
        report = MessageToDict(said.report)

        def effect(session: Session) -> None:
            if _runs(session, said.job_id):
                records.succeed(session, said.job_id, version, report)
                self._heard()

        return effect

    def refused(self, event: Event) -> Effect:
        """Its owner is told why."""
        said = event.parse(pb.WorkerRefused)
        return self._failure(said.job_id, said.failure)

    def _failure(self, job_id: str, failure: str) -> Effect:
        def effect(session: Session) -> None:
            if _runs(session, job_id):
                records.fail(session, job_id, failure)
                cluster_store.forget(session, job_id)
                self._heard()

        return effect


def _runs(session: Session, job_id: str) -> bool:
    """Whether the job is under work; the first word of its worker says that it runs."""
    job = store.find(session, job_id)
    if job is not None and job.state is State.QUEUED:
        store.set_state(session, job_id, State.RUNNING)
        return True
    return job is not None and job.state is State.RUNNING
