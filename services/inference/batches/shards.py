"""The work on a batch: one shard at a time, take by take, each kept as soon as it is spoken.

A shard that comes again, or whose process was killed, speaks only what is not done; the same seed gives the same bytes,
so that even a take that was spoken and not recorded leaves one object.
"""

from __future__ import annotations

import logging
import uuid
from dataclasses import dataclass, field
from threading import Lock

from prometheus_client import Counter
from sqlalchemy.orm import Session

from services.common.away import is_away
from services.common.database import Database
from services.common.errors import TooMany, Unavailable, VoiceHubError
from services.common.events import Event
from services.common.objects import Area, ObjectStore
from services.common.subscriptions import Effect, Subscription
from services.inference.batches import progress, store, takes
from services.inference.batches.freeing import free, free_within, may_be_sample
from services.inference.batches.news import News
from services.inference.batches.packing import Packer
from services.inference.batches.speaker import TakeSpeaker
from services.inference.domain.batches import Batch, Spoken, State, Take
from services.inference.domain.cancellation import Cancellation, Cancelled
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb

log = logging.getLogger(__name__)
_TAKES = Counter("voicehub_batch_takes", "Takes of batches by how they ended", ["how"])
for _how in ("done", "failed"):
    _TAKES.labels(_how)  # a rate needs a beginning


@dataclass
class UnderWay:
    """Batches on which this process works, so that they can be called off within a token. Thread-safe."""

    _lock: Lock = field(default_factory=Lock)
    _running: dict[str, Cancellation] = field(default_factory=dict)

    def begin(self, batch_id: str) -> Cancellation:
        """Work on the batch begins."""
        with self._lock:
            return self._running.setdefault(batch_id, Cancellation())

    def call_off(self, batch_id: str) -> None:
        """Nobody wants it any more."""
        with self._lock:
            running = self._running.pop(batch_id, None)
        if running:
            running.cancel()

    def end(self, batch_id: str) -> None:
        """Work on the batch has ended."""
        with self._lock:
            self._running.pop(batch_id, None)


class Shards:
    """What inference does for batches when events come."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        speaker: TakeSpeaker,
        packer: Packer,
        news: News,
        under_way: UnderWay,
    ) -> None:
        self._database, self._objects, self._speaker, self._packer = database, objects, speaker, packer
        self._news, self._under_way = news, under_way

    def subscription(self) -> Subscription:
        """A group of its own: a batch holds up neither exports nor samples."""
        kinds = (pb.BatchShardRequested, pb.BatchPackRequested, pb.BatchDeleted)
        shard, pack, gone = (("synthesis", str(kind.DESCRIPTOR.full_name)) for kind in kinds)
        return Subscription("inference-batches", {shard: self.shard, pack: self.pack, gone: self.delete})

    def shard(self, event: Event) -> Effect | None:
        """Speaks what waits in a shard, then asks for the next."""
        asked = event.parse(pb.BatchShardRequested)
        called_off = self._under_way.begin(asked.batch_id)
        try:
            for take in self._waiting(asked):
                batch = self._wanted(asked)
                if batch is None:
                    return None
                self._keep(asked, take, self._spoken(batch, take, called_off))
        except Cancelled:
            return None
        finally:
            self._under_way.end(asked.batch_id)
        return lambda session: self._ended(session, asked)

    def pack(self, event: Event) -> Effect | None:
        """Makes the zip of what there is."""
        asked = event.parse(pb.BatchPackRequested)
        with self._database.read() as session:
            batch = store.find(session, asked.batch_id)
        if batch is None or not progress.to_be_packed(batch, asked.attempt):
            return None
        packed = self._packer.pack(batch)

        def effect(session: Session) -> None:
            current = store.find(session, asked.batch_id)
            if current is not None and progress.to_be_packed(current, asked.attempt):
                self._check_stored(packed.digest)
                progress.finish(session, current, packed)
            else:  # it was resumed or deleted meanwhile, and nobody knows this zip
                free_within(session, self._objects, packed.digest)

        self._news.tell()  # watchers look again within a second, too
        return effect

    def delete(self, event: Event) -> Effect | None:
        """Removes what a deleted batch made, but for audio that may also be of another batch or a sample."""
        batch_id = event.parse(pb.BatchDeleted).batch_id
        with self._database.read() as session:
            batch = store.find(session, batch_id)
            made = {take.spoken.digest for take in takes.every(session, batch_id) if not may_be_sample(take)}
        if batch is None:
            return None
        for digest in sorted((made | {batch.zip_digest}) - {""}):
            free(self._database, self._objects, digest, batch_id)
        return lambda session: store.forget(session, batch_id)

    def _waiting(self, asked: pb.BatchShardRequested) -> list[Take]:
        with self._database.read() as session:
            return takes.waiting(session, asked.batch_id, asked.shard)

    def _wanted(self, asked: pb.BatchShardRequested) -> Batch | None:
        with self._database.read() as session:
            batch = store.find(session, asked.batch_id)
        wanted = batch is not None and batch.state is State.RUNNING and batch.attempt == asked.attempt
        return batch if wanted else None

    def _spoken(self, batch: Batch, take: Take, called_off: Cancellation) -> Spoken:
        try:
            return self._speaker.speak(batch, take, called_off)
        except (TooMany, Unavailable, OSError, Cancelled):
            raise  # the shard comes again, or nobody wants it
        except VoiceHubError as error:
            return Spoken(error=" ".join(filter(None, (error.message, error.hint))))
        except Exception as error:  # edge of a take: whatever it is that one line does to the engine, the others go on
            if is_away(error):
                raise
            number = uuid.uuid4().hex[:12]
            log.exception("take failed", extra={"batch": batch.id, "take": take.number, "failure": number})
            return Spoken(error=f"The hub failed on this line (report {number}).")

    def _keep(self, asked: pb.BatchShardRequested, take: Take, spoken: Spoken) -> None:
        """Ends the take, unless its batch has ended meanwhile: then its zip is made, or it is gone, and nobody pays."""
        with self._database.write() as session:
            batch = store.find(session, asked.batch_id)
            wanted = batch is not None and batch.state is State.RUNNING
            if wanted and spoken.digest:
                self._check_stored(spoken.digest)
            ended = wanted and takes.finish(session, asked.batch_id, take, spoken)
            if spoken.digest and not ended and not may_be_sample(take):
                free_within(session, self._objects, spoken.digest)
        if ended:
            _TAKES.labels("failed" if spoken.error else "done").inc()
        self._news.tell()

    def _check_stored(self, digest: str) -> None:
        """Unavailable, if the object went with a deleted batch that had made the same; asked while one may write."""
        try:
            self._objects.info(Area.SERVED, digest)
        except KeyError as error:
            raise Unavailable("What was made went with another batch.", hint="It is made again.") from error

    def _ended(self, session: Session, asked: pb.BatchShardRequested) -> None:
        batch = store.find(session, asked.batch_id)
        if batch is not None and batch.state is State.RUNNING and batch.attempt == asked.attempt:
            progress.report(session, batch)
            progress.advance(session, batch, most=1)
