# ruff: noqa: N802 - methods are named by the contract
"""The contract of batches over one fixed batch of whoever asks for it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import grpc

from services.common import rpc
from services.common.clock import now, to_timestamp
from services.common.errors import Conflict, NotFound, Unprocessable
from services.common.objects import Area, ObjectStore
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb
from services.stubs.voicehub.inference.v1 import batch_pb2_grpc
from services.stubs.voicehub.inference.v1.inference_pb2 import SpokenWord

BATCH = "0" * 31 + "2"
UNPACKED = "0" * 31 + "3"
ZIP = b"PK" + bytes(range(256)) * 600
AUDIO = b"RIFF" + bytes(2_000)


class FixedBatches(batch_pb2_grpc.BatchServiceServicer):
    """Two batches of the account `anna`; one has no zip."""

    def __init__(self, objects: ObjectStore, requests: list[object], voices: list[pb.BatchVoice]) -> None:
        self._requests, self._voices = requests, voices
        kept = {name: objects.put(Area.SERVED, [data]) for name, data in (("zip", ZIP), ("audio", AUDIO))}
        self._objects = {name: ObjectRef(digest=info.digest, size=info.size) for name, info in kept.items()}

    def EstimateBatch(
        self, request: pb.EstimateBatchRequest, context: grpc.ServicerContext
    ) -> pb.EstimateBatchResponse:
        self._requests.append(request)
        voice = pb.VoiceEstimate(name="anna/narrator", takes=2, machine_seconds=1.5, source="measured")
        refusal = pb.RefusedTake(voice="anna/narrator", number=3, line="c", reason="empty")
        return pb.EstimateBatchResponse(lines=3, takes=2, voices=[voice], refused=1, refusals=[refusal])

    def CreateBatch(self, request: pb.CreateBatchRequest, context: grpc.ServicerContext) -> pb.CreateBatchResponse:
        self._requests.append(request)
        if b"hostile" in request.plan.inline:
            raise Unprocessable("line 2: this is no JSON.", hint="Mend it.", fields={"list": "line 2"})
        return pb.CreateBatchResponse(batch=self._batch(BATCH, pb.BATCH_STATE_RUNNING))

    def GetBatch(self, request: pb.GetBatchRequest, context: grpc.ServicerContext) -> pb.GetBatchResponse:
        return pb.GetBatchResponse(batch=self._batch(request.id))

    def ListBatches(self, request: pb.ListBatchesRequest, context: grpc.ServicerContext) -> pb.ListBatchesResponse:
        return pb.ListBatchesResponse(batches=[self._batch(BATCH)])

    def ListTakes(self, request: pb.ListTakesRequest, context: grpc.ServicerContext) -> pb.ListTakesResponse:
        self._batch(request.id)
        self._requests.append(request)
        return pb.ListTakesResponse(takes=[self._take()])

    def CancelBatch(self, request: pb.CancelBatchRequest, context: grpc.ServicerContext) -> pb.CancelBatchResponse:
        return pb.CancelBatchResponse(batch=self._batch(request.id, pb.BATCH_STATE_CANCELLED))

    def ResumeBatch(self, request: pb.ResumeBatchRequest, context: grpc.ServicerContext) -> pb.ResumeBatchResponse:
        self._requests.append(request)
        return pb.ResumeBatchResponse(batch=self._batch(request.id, pb.BATCH_STATE_RUNNING))

    def DeleteBatch(self, request: pb.DeleteBatchRequest, context: grpc.ServicerContext) -> pb.DeleteBatchResponse:
        return pb.DeleteBatchResponse()

    def WatchBatch(
        self, request: pb.WatchBatchRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.WatchBatchResponse]:
        while request.after_sequence > 3 and context.is_active():  # nothing happens
            time.sleep(0.02)
        for sequence in range(request.after_sequence + 1, 4):
            yield pb.WatchBatchResponse(sequence=sequence, batch=self._batch(request.id), takes=[self._take()])

    def ReadManifest(
        self, request: pb.ReadManifestRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ReadManifestResponse]:
        self._batch(request.id)
        yield from (pb.ReadManifestResponse(content=line) for line in (b'{"line": "a"}\n', b'{"line": "b"}\n'))

    def ResolveBatchObject(
        self, request: pb.ResolveBatchObjectRequest, context: grpc.ServicerContext
    ) -> pb.ResolveBatchObjectResponse:
        self._batch(request.id)
        if request.digest not in ("", self._objects["audio"].digest):
            raise NotFound("No take has such audio.", hint="List its takes.")
        if request.digest:
            return pb.ResolveBatchObjectResponse(
                object=self._objects["audio"], media_type="audio/wav", filename="a.wav"
            )
        if request.id == UNPACKED:
            raise Conflict("The zip is not made yet.", hint="Wait.", reason="NOT_PACKED")
        return pb.ResolveBatchObjectResponse(
            object=self._objects["zip"], media_type="application/zip", filename="b.zip"
        )

    def _batch(self, batch_id: str, state: pb.BatchState.ValueType = pb.BATCH_STATE_FINISHED) -> pb.Batch:
        if rpc.caller().account != "anna" or batch_id not in (BATCH, UNPACKED):
            raise NotFound("There is no such batch.", hint="List your batches.")
        return pb.Batch(
            id=batch_id, state=state, voices=self._voices, lines=3, total=3, create_time=to_timestamp(now()),
            zip=self._objects["zip"],
        )  # fmt: skip

    def _take(self) -> pb.Take:
        words = [SpokenWord(text="hello", start=0.0, end=0.5)]
        slot = pb.Slot(start=1.0, end=2.0, overrun=0.5)
        audio = self._objects["audio"]
        return pb.Take(line="a", number=1, state=pb.TAKE_STATE_DONE, audio=audio, words=words, slot=slot)
