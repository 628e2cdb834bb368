"""The gRPC surface of inference."""

from __future__ import annotations

from collections.abc import Iterator

import grpc

from services.common import rpc
from services.common.errors import Forbidden, Invalid, NotFound, Unavailable
from services.inference import messages, requests
from services.inference.bases import Bases
from services.inference.domain.cancellation import Cancellation, Cancelled
from services.inference.domain.voices import Voice
from services.inference.known import KnownVoices
from services.inference.synthesis import Synthesizer
from services.stubs.voicehub.inference.v1 import inference_pb2, inference_pb2_grpc

MOST_AT_ONCE = 2_000
"""Characters; at the slowest speed their speech fits into one message."""
MAY_ASK = frozenset({"gateway", "trainer"})


class InferenceService(inference_pb2_grpc.InferenceServiceServicer):
    """Synthesis for callers that have checked readability already, and the list of bases."""

    def __init__(self, voices: KnownVoices, synthesizer: Synthesizer, bases: Bases) -> None:
        self._voices, self._synthesizer, self._bases = voices, synthesizer, bases

    def Synthesize(  # noqa: N802 - the contract's name
        self, request: inference_pb2.SynthesizeRequest, context: grpc.ServicerContext
    ) -> inference_pb2.SynthesizeResponse:
        """Speaks a text with an exported version."""
        if len(request.text) > MOST_AT_ONCE:
            raise Invalid(
                f"The text has {len(request.text)} characters; one message holds the speech of {MOST_AT_ONCE}.",
                hint="Ask for a stream.",
                fields={"text": f"at most {MOST_AT_ONCE} characters"},
            )
        voice, called_off = self._voice(request.version_id), _cancellation(context)
        try:
            spoken = self._synthesizer.speak(voice, requests.wish(request), rpc.caller().account, called_off)
        except Cancelled as error:
            raise _nobody_there() from error
        return inference_pb2.SynthesizeResponse(**vars(spoken))

    def SynthesizeStream(  # noqa: N802 - the contract's name
        self, request: inference_pb2.SynthesizeStreamRequest, context: grpc.ServicerContext
    ) -> Iterator[inference_pb2.SynthesizeStreamResponse]:
        """As it is made, or a whole file in parts; ends with the call."""
        asked = request.utterance
        voice, called_off = self._voice(asked.version_id), _cancellation(context)
        form, wish = requests.wanted_form(request), requests.wish(asked)
        try:
            for ready in self._synthesizer.together(voice, wish, form, rpc.caller().account, called_off):
                yield from requests.parts(ready, together=request.together)
        except Cancelled as error:
            raise _nobody_there() from error

    def ListBases(  # noqa: N802 - the contract's name
        self, request: inference_pb2.ListBasesRequest, context: grpc.ServicerContext
    ) -> inference_pb2.ListBasesResponse:
        """All registered bases; their files are in the served area."""
        return inference_pb2.ListBasesResponse(bases=[messages.base(b) for b in self._bases.served()])

    def _voice(self, version_id: str) -> Voice:
        if rpc.caller().service not in MAY_ASK:
            raise Forbidden("Synthesis is asked for through the gateway.")
        voice = self._voices.get(version_id)
        if voice is None:
            raise NotFound("This version is not exported yet.", hint="Wait until it is published.")
        return voice


def _cancellation(context: grpc.ServicerContext) -> Cancellation:
    """Set when the call ends in any way."""
    called_off = Cancellation()
    if not context.add_callback(called_off.cancel):
        called_off.cancel()
    return called_off


def _nobody_there() -> Unavailable:
    return Unavailable("The call was cancelled.", hint="Ask again.", reason="CANCELLED")
