# ruff: noqa: N802 - methods are named by the contract
"""The gRPC surface of batches."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc
from sqlalchemy.orm import Session

from services.common.charges import Charges, bind, close, is_open
from services.common.database import Database
from services.common.errors import Conflict, Forbidden, NotFound, TooMany, Unauthenticated, key_reused
from services.common.ids import new_id
from services.common.objects import ObjectStore
from services.common.rpc import caller
from services.inference.batches import messages, progress, store, takes
from services.inference.batches.downloads import resolve
from services.inference.batches.estimates import Estimator
from services.inference.batches.freeing import free
from services.inference.batches.lists import ListReader
from services.inference.batches.messages import to_message, to_take
from services.inference.batches.news import News
from services.inference.batches.packing import manifest
from services.inference.batches.shards import UnderWay
from services.inference.batches.speaker import form_of
from services.inference.domain.batches import (
    MOST_OPEN,
    Batch,
    State,
    check_cancellable,
    check_deletable,
    check_resumable,
    takes_of,
)
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb
from services.stubs.voicehub.inference.v1 import batch_pb2_grpc

PAGE = 100
PURPOSE = "synthesis"
PACE_SECONDS = 0.25
"""The least between two messages to a watcher: counting the takes of a large batch takes 50 ms."""
LOOK_SECONDS = 1.0
"""How often a watcher looks for what other processes did."""


class BatchService(batch_pb2_grpc.BatchServiceServicer):
    """Batches belong to the account that made them; for others they do not exist."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        lists: ListReader,
        estimator: Estimator,
        news: News,
        under_way: UnderWay,
        charges: Charges,
    ) -> None:
        self._database, self._objects = database, objects
        self._lists, self._estimator, self._charges = lists, estimator, charges
        self._news, self._under_way = news, under_way

    def EstimateBatch(
        self, request: pb.EstimateBatchRequest, context: grpc.ServicerContext
    ) -> pb.EstimateBatchResponse:
        """Reads the list and measures; keeps nothing."""
        found = self._lists.read(request.plan)
        batch = messages.new_batch(request.plan, _planner(), found)
        planned = takes_of(batch.voices, found.lines)
        form_of(batch)
        return messages.to_estimate(batch, self._estimator.estimate(batch, planned))

    def CreateBatch(self, request: pb.CreateBatchRequest, context: grpc.ServicerContext) -> pb.CreateBatchResponse:
        """Reads the list and puts its first shards on the bus."""
        account = _planner()
        with self._database.read() as session:
            known = _made_before(session, account, request)
        return pb.CreateBatchResponse(batch=self._message(known or self._create(request, account)))

    def GetBatch(self, request: pb.GetBatchRequest, context: grpc.ServicerContext) -> pb.GetBatchResponse:
        """One batch."""
        return pb.GetBatchResponse(batch=self._message(request.id))

    def ListBatches(self, request: pb.ListBatchesRequest, context: grpc.ServicerContext) -> pb.ListBatchesResponse:
        """The caller's batches, newest first."""
        size = min(request.page.size or PAGE, PAGE)
        with self._database.read() as session:
            found = store.page(session, _account(), request.page.cursor, size + 1)
            made = [to_message(batch, takes.tallies(session, batch)) for batch in found[:size]]
        return pb.ListBatchesResponse(batches=made, next_cursor=made[-1].id if len(found) > size else "")

    def ListTakes(self, request: pb.ListTakesRequest, context: grpc.ServicerContext) -> pb.ListTakesResponse:
        """Takes with what became of them, voice by voice."""
        size, state = min(request.page.size or PAGE, PAGE), messages.take_state(request.state)
        with self._database.read() as session:
            batch = _own(session, request.id)
            found = takes.page(session, batch.id, _place(request.page.cursor), size + 1, state)
        shown = found[:size]
        cursor = f"{shown[-1].voice}.{shown[-1].number}" if len(found) > size else ""
        return pb.ListTakesResponse(takes=[to_take(batch, take) for take in shown], next_cursor=cursor)

    def CancelBatch(self, request: pb.CancelBatchRequest, context: grpc.ServicerContext) -> pb.CancelBatchResponse:
        """Stops within a token; what is spoken stays."""
        with self._database.write() as session:
            batch = _own(session, request.id)
            check_cancellable(batch)
            progress.cancel(session, batch)
        self._under_way.call_off(batch.id)
        self._news.tell()
        return pb.CancelBatchResponse(batch=self._message(batch.id))

    def ResumeBatch(self, request: pb.ResumeBatchRequest, context: grpc.ServicerContext) -> pb.ResumeBatchResponse:
        """Speaks what is not done; also a batch that is stuck because its events were parked."""
        _planner()
        with self._database.read() as session:
            batch = _resumable(session, request.id)
            left = 0 if is_open(session, batch.id) else takes.characters_left(session, batch.id)
        reservation = self._reserve(batch.account, left)
        with self._database.write() as session:
            batch = _resumable(session, request.id)
            if is_open(session, batch.id):  # somebody resumed it meanwhile
                _give_back(session, reservation)
            else:
                _check_reserved(session, batch, reservation)
                bind(session, reservation, batch.id, takes.characters_done(session, batch.id))
            progress.resume(session, batch)
        self._news.tell()
        if batch.zip_digest:
            free(self._database, self._objects, batch.zip_digest)
        return pb.ResumeBatchResponse(batch=self._message(batch.id))

    def DeleteBatch(self, request: pb.DeleteBatchRequest, context: grpc.ServicerContext) -> pb.DeleteBatchResponse:
        """Of a batch that has ended; its zip and its audio go with it."""
        with self._database.write() as session:
            batch = _own(session, request.id)
            check_deletable(batch)
            progress.delete(session, batch)
        return pb.DeleteBatchResponse()

    def WatchBatch(
        self, request: pb.WatchBatchRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchBatchResponse]:
        """What happened after a sequence number, as it comes, until the batch has ended."""
        sequence, first, gone = request.after_sequence, True, threading.Event()
        context.add_callback(gone.set)
        while not gone.wait(0.0 if first else PACE_SECONDS):
            seen = self._news.count
            with self._database.read() as session:
                batch = _own(session, request.id)
                ended = takes.ended_since(session, batch.id, sequence, PAGE)
                message = to_message(batch, takes.tallies(session, batch))
            full = len(ended) == PAGE
            last = batch.state.ended and not full
            if first or last or batch.sequence > sequence:
                sequence = ended[-1].sequence if full else batch.sequence
                shown = [to_take(batch, take, words=False) for take in ended]
                yield pb.WatchBatchResponse(sequence=sequence, batch=message, takes=shown)
            if last:
                return
            first = False
            if not full:
                self._news.wait(seen, LOOK_SECONDS)

    def ReadManifest(
        self, request: pb.ReadManifestRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ReadManifestResponse]:
        """The manifest as it is now."""
        place = takes.START
        while True:
            with self._database.read() as session:  # a slow reader keeps no snapshot open
                batch = _own(session, request.id)
                found = takes.page(session, batch.id, place, takes.BLOCK)
            if not found:
                return
            yield pb.ReadManifestResponse(content=b"".join(manifest(batch, found)))
            place = (found[-1].voice, found[-1].number)

    def ResolveBatchObject(
        self, request: pb.ResolveBatchObjectRequest, context: grpc.ServicerContext
    ) -> pb.ResolveBatchObjectResponse:
        """The zip, or the audio of a take by its digest."""
        with self._database.read() as session:
            return resolve(session, _own(session, request.id), request.digest)

    def _create(self, request: pb.CreateBatchRequest, account: str) -> str:
        found = self._lists.read(request.plan)
        batch = messages.new_batch(request.plan, account, found)
        planned = takes_of(batch.voices, found.lines)
        form_of(batch)
        with self._database.read() as session:
            _check_open(session, account)
        reservation = self._reserve(account, sum(take.characters for take in planned if take.waits))
        with self._database.write() as session:
            made = _made_before(session, account, request)
            if made is not None:  # by the same request, meanwhile
                _give_back(session, reservation)
                return made
            _check_open(session, account)
            store.add(session, batch, found.lines, request.idempotency_key, messages.plan_hash(request.plan))
            takes.add(session, batch, planned)
            bind(session, reservation, batch.id)
            progress.advance(session, batch)
        return batch.id

    def _reserve(self, account: str, characters: int) -> str:
        return self._charges.reserve(account, PURPOSE, characters) if characters else ""

    def _message(self, batch_id: str) -> pb.Batch:
        with self._database.read() as session:
            batch = _own(session, batch_id)
            return to_message(batch, takes.tallies(session, batch))


def _give_back(session: Session, reservation: str) -> None:
    """Closes a reservation of a request that another one like it made needless."""
    if reservation:
        needless = new_id()
        bind(session, reservation, needless)
        close(session, needless, 0)


def _account() -> str:
    account = caller().account
    if not account:
        raise Unauthenticated("Batches need an account.", hint="Log in first.")
    return account


def _planner() -> str:
    """The account of a plan whose voices the gateway has found readable for it."""
    if caller().service != "gateway":
        raise Forbidden("Batches are asked for through the gateway.")
    return _account()


def _made_before(session: Session, account: str, request: pb.CreateBatchRequest) -> str | None:
    """The batch that this key made before; Unprocessable if another one was asked for with it."""
    known, asked = store.made_before(session, account, request.idempotency_key), messages.plan_hash(request.plan)
    if known is None:
        return None
    made, earlier = known
    if earlier not in ("", asked):
        raise key_reused()
    return made


def _check_open(session: Session, account: str) -> None:
    if store.open_count(session, account) >= MOST_OPEN:
        hint = "Wait for one to end, or cancel one."
        raise TooMany(f"{MOST_OPEN} batches of yours are under way.", hint=hint, reason="BATCHES_OPEN")


def _resumable(session: Session, batch_id: str) -> Batch:
    """The caller's batch; refused if there is nothing to be resumed, or too much is under way beside it."""
    batch = _own(session, batch_id)
    check_resumable(batch, sum(tally.failed for tally in takes.tallies(session, batch)))
    if batch.state.ended:
        _check_open(session, batch.account)
    return batch


def _check_reserved(session: Session, batch: Batch, reservation: str) -> None:
    """Conflict, if its credits went back just now, with its zip, and nothing is reserved for what is left."""
    if not reservation and takes.characters_left(session, batch.id):
        raise Conflict("The batch was packed just now.", hint="Resume it again.", reason="BATCH_PACKED")


def _own(session: Session, batch_id: str) -> Batch:
    batch = store.find(session, batch_id)
    if batch is None or batch.state is State.DELETED or batch.account != _account():
        raise NotFound("There is no such batch.", hint="List your batches to see their ids.")
    return batch


def _place(cursor: str) -> tuple[int, int]:
    """The place that a cursor means; the beginning for one that is none of ours."""
    voice, _, number = cursor.partition(".")
    if not (cursor.isascii() and voice.isdigit() and number.isdigit() and len(cursor) < 16):
        return takes.START
    return int(voice), int(number)
