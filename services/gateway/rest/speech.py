"""Speech on its way from inference to a visitor, ended as soon as the visitor is gone.

What the visitor has not read yet waits in the buffers of the call (`clients.LOOKAHEAD_BYTES`): inference is done with
most syntheses long before a slow reader is.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Any

import grpc

from services.common.errors import Unavailable
from services.gateway.clients import told
from services.gateway.limits import Slots
from services.gateway.rest.departure import Departures, Gone
from services.stubs.voicehub.inference.v1 import inference_pb2 as inference
from services.stubs.voicehub.inference.v1.inference_pb2_grpc import InferenceServiceStub

Part = inference.SynthesizeStreamResponse


class VisitorGone(Exception):
    """Nobody reads the answer any more."""


class Speech:
    """One answer of `SynthesizeStream`. Takes a slot of the visitor's; `close` gives it back and ends the work."""

    def __init__(
        self,
        stub: InferenceServiceStub,
        request: inference.SynthesizeStreamRequest,
        slots: Slots,
        visitor: str,
        departures: Departures,
        gone: Gone,
    ) -> None:
        slots.take(visitor)
        self._slots, self._visitor = slots, visitor
        self._closing, self._closed, self._left = threading.Lock(), False, False
        self._ready: deque[Part] = deque()
        self._call: Any = stub.SynthesizeStream(request)
        self._unwatch = departures.watch(gone, self._leave)
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
        """Ends the work, if it goes on; a second time changes nothing."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._unwatch()
        self._call.cancel()
        self._slots.give(self._visitor)

    def _leave(self) -> None:
        self._left = True
        self._call.cancel()

    def _first(self) -> inference.SynthesisStart:
        part = self._next()
        if part is None:
            raise Unavailable("The synthesis ended before it began.", hint="Try again.", reason="NO_SPEECH")
        return part.start

    def _next(self) -> Part | None:
        if self._ready:
            return self._ready.popleft()
        try:
            part: Part | None = next(self._call, None)
        except grpc.RpcError as error:
            if self._left:
                raise VisitorGone from error
            raise told(error) from error
        self._ready.extend(part.more if part is not None else ())
        return part
