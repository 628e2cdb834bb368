"""How a batch goes on: shards onto the bus, a few at a time, then its zip. Each step is part of a transaction."""

from __future__ import annotations

from dataclasses import replace

from google.protobuf.message import Message
from sqlalchemy.orm import Session

from services.common.charges import close
from services.common.clock import now
from services.common.events import make_event
from services.common.objects.port import ObjectInfo
from services.common.outbox import record
from services.inference.batches import store, takes
from services.inference.domain.batches import SHARDS_ON_THE_BUS, Batch, State
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb

_STATES = {State.FINISHED: pb.BATCH_STATE_FINISHED, State.CANCELLED: pb.BATCH_STATE_CANCELLED}


def advance(session: Session, batch: Batch, most: int = SHARDS_ON_THE_BUS) -> None:
    """Asks for the next shards in which a take waits; when there is none left anywhere, for the zip."""
    shards = takes.shards_waiting(session, batch.id, batch.issued, most)
    for shard in shards:
        asked = pb.BatchShardRequested(batch_id=batch.id, attempt=batch.attempt, shard=shard)
        _say(session, f"{batch.id}.{batch.attempt}.{shard}", asked)
    if shards:
        store.change(session, batch.id, issued=shards[-1])
    elif not takes.shards_waiting(session, batch.id, after=-1, most=1):
        store.change(session, batch.id, state=State.PACKING.value)
        _say(session, batch.id, pb.BatchPackRequested(batch_id=batch.id, attempt=batch.attempt))


def report(session: Session, batch: Batch) -> None:
    """Tells the house how far it is."""
    found = takes.tallies(session, batch)
    done, failed, total = (sum(getattr(tally, name) for tally in found) for name in ("done", "failed", "total"))
    _say(session, batch.id, pb.BatchProgressed(batch_id=batch.id, done=done, failed=failed, total=total))


def cancel(session: Session, batch: Batch) -> None:
    """Nothing more is spoken; what there is, is packed."""
    store.change(session, batch.id, state=State.CANCELLED.value, end_time=now())
    _say(session, batch.id, pb.BatchPackRequested(batch_id=batch.id, attempt=batch.attempt))


def resume(session: Session, batch: Batch) -> None:
    """Begins another attempt on what is not done."""
    takes.retry_failed(session, batch.id)
    again = replace(batch, attempt=batch.attempt + 1, issued=-1)
    fresh = {"attempt": again.attempt, "issued": again.issued, "zip_digest": "", "zip_size": 0, "end_time": None}
    store.change(session, batch.id, state=State.RUNNING.value, **fresh)
    advance(session, again)


def delete(session: Session, batch: Batch) -> None:
    """Nobody sees it any more; what it made is removed when the event comes."""
    close(session, batch.id, takes.characters_done(session, batch.id))  # of one whose zip is not made yet
    store.change(session, batch.id, state=State.DELETED.value, idempotency_key=None)
    _say(session, batch.id, pb.BatchDeleted(batch_id=batch.id))


def to_be_packed(batch: Batch, attempt: int) -> bool:
    """Whether a batch waits for its zip."""
    return batch.state in (State.PACKING, State.CANCELLED) and batch.attempt == attempt and not batch.zip_digest


def finish(session: Session, batch: Batch, packed: ObjectInfo) -> None:
    """The zip is there."""
    state = State.FINISHED if batch.state is State.PACKING else State.CANCELLED
    end = batch.end_time or now()
    store.change(
        session, batch.id, state=state.value, end_time=end, zip_digest=packed.digest, zip_size=packed.size
    )  # fmt: skip
    close(session, batch.id, takes.characters_done(session, batch.id))
    reference = ObjectRef(digest=packed.digest, size=packed.size)
    _say(session, batch.id, pb.BatchCompleted(batch_id=batch.id, state=_STATES[state], zip=reference))


def _say(session: Session, key: str, payload: Message) -> None:
    record(session, make_event("synthesis", key, payload, "inference"))
