"""The gRPC surface of inference."""

from __future__ import annotations

import grpc

from services.common import rpc
from services.common.database import Database
from services.common.errors import Forbidden, NotFound
from services.inference import messages, store
from services.inference.bases import Bases
from services.inference.synthesis import Synthesizer, Wish
from services.stubs.voicehub.inference.v1 import inference_pb2, inference_pb2_grpc

MAY_ASK = frozenset({"gateway", "trainer"})


class InferenceService(inference_pb2_grpc.InferenceServiceServicer):
    """Synthesis for callers that have checked readability already, and the list of bases."""

    def __init__(self, database: Database, synthesizer: Synthesizer, bases: Bases) -> None:
        self._database, self._synthesizer, self._bases = database, synthesizer, bases

    def Synthesize(  # noqa: N802 - the contract's name
        self, request: inference_pb2.SynthesizeRequest, context: grpc.ServicerContext
    ) -> inference_pb2.SynthesizeResponse:
        """Speaks a text with an exported version."""
        if rpc.caller().service not in MAY_ASK:
            raise Forbidden("Synthesis is asked for through the gateway.")
        with self._database.read() as session:
            voice = store.find(session, request.version_id)
        if voice is None:
            raise NotFound("This version is not exported yet.", hint="Wait until it is published.")
        wish = Wish(request.text, request.language, request.seed, request.speed or 1.0)
        spoken = self._synthesizer.speak(voice, wish)
        return inference_pb2.SynthesizeResponse(wav=spoken.wav, sample_rate=spoken.sample_rate, seconds=spoken.seconds)

    def ListBases(  # noqa: N802 - the contract's name
        self, request: inference_pb2.ListBasesRequest, context: grpc.ServicerContext
    ) -> inference_pb2.ListBasesResponse:
        """All registered bases; their files are in the served area."""
        return inference_pb2.ListBasesResponse(bases=[messages.base(b) for b in self._bases.served()])
