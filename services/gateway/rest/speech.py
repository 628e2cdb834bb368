"""Speech on its way from inference to a visitor: read by a thread of its own, ended as soon as the visitor is gone."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

import grpc

from services.common.errors import Unavailable, VoiceHubError
from services.gateway.clients import told
from services.gateway.limits import Slots
from services.stubs.voicehub.inference.v1 import inference_pb2 as inference
from services.stubs.voicehub.inference.v1.inference_pb2_grpc import InferenceServiceStub

LOOK_SECONDS = 0.25
"""How often it is looked whether the visitor is still there while nothing comes."""
BUFFERED = 8
Part = inference.SynthesizeStreamResponse
Gone = Callable[[], bool]


class VisitorGone(Exception):
    """Nobody reads the answer any more."""


class Speech:
    """One answer of `SynthesizeStream`. Takes a slot; `close` gives it back and ends the work, however often called."""

    def __init__(
        self, stub: InferenceServiceStub, request: inference.SynthesizeStreamRequest, slots: Slots, gone: Gone
    ) -> None:
        slots.take()
        self._slots, self._gone = slots, gone
        self._parts: queue.Queue[Part | VoiceHubError | None] = queue.Queue(BUFFERED)
        self._closing, self._closed = threading.Lock(), False
        self._call = stub.SynthesizeStream(request)
        threading.Thread(target=self._read, name="speech-reader", daemon=True).start()
        try:
            self.start = self._first()
        except BaseException:
            self.close()
            raise

    def parts(self) -> Iterator[Part]:
        """What follows the start.

        Ends early when the visitor has closed the connection; VoiceHubError is what inference answered.
        """
        try:
            while (part := self._next()) is not None:
                yield part
        except VisitorGone:
            self.close()

    def audio(self) -> Iterator[bytes]:
        """The bytes of the file alone."""
        for part in self.parts():
            if part.audio:
                yield part.audio

    def close(self) -> None:
        """Ends the work, if it goes on."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._call.cancel()
        self._slots.give()

    def _first(self) -> inference.SynthesisStart:
        part = self._next()
        if part is None:
            raise Unavailable("The synthesis ended before it began.", hint="Try again.", reason="NO_SPEECH")
        return part.start

    def _next(self) -> Part | None:
        while True:
            try:
                part = self._parts.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                if self._gone():
                    raise VisitorGone from None
                continue
            if isinstance(part, VoiceHubError):
                raise part
            return part

    def _read(self) -> None:
        ended: VoiceHubError | None = None
        try:
            for part in self._call:
                if not self._offer(part):
                    return
        except grpc.RpcError as error:
            ended = told(error)
        self._offer(ended)

    def _offer(self, part: Part | VoiceHubError | None) -> bool:
        while not self._closed:
            with contextlib.suppress(queue.Full):
                self._parts.put(part, timeout=1.0)
                return True
        return False
