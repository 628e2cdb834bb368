"""Wires inference."""

from __future__ import annotations

import grpc

from services.common import rpc
from services.common.runtime import House, Parts
from services.inference.auditions import Auditions
from services.inference.batches.bootstrap import WATCHERS
from services.inference.exporter import Exporter
from services.inference.handlers import Handlers
from services.inference.service import InferenceService
from services.inference.speaking import Speaking
from services.stubs.voicehub.inference.v1 import batch_pb2, batch_pb2_grpc, inference_pb2, inference_pb2_grpc


def bootstrap(house: House) -> Parts:
    """The parts of inference from the engines of the house."""
    settings, speaking = house.settings, Speaking.wire(house)
    synthesizer, batches = speaking.synthesizer, speaking.batches
    base = speaking.shipped.digest if speaking.shipped else ""
    exports = settings.data / "inference" / "exports"
    exporter = Exporter(house.objects, settings.objects_url, speaking.registry, exports, base)
    shards = [batches.shards.subscription()] if settings.speaks_batches else []
    handlers = Handlers(house.database, house.objects, exporter, Auditions(house.objects, synthesizer))
    service = InferenceService(speaking.voices, synthesizer, speaking.bases)

    def register(server: grpc.Server) -> None:
        inference_pb2_grpc.add_InferenceServiceServicer_to_server(service, server)
        batch_pb2_grpc.add_BatchServiceServicer_to_server(batches.service, server)

    return Parts(
        register=register,
        names=[
            inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].full_name,
            batch_pb2.DESCRIPTOR.services_by_name["BatchService"].full_name,
        ],
        subscriptions=[*handlers.subscriptions(), *shards, batches.accounts],
        start=speaking.start,
        stop=speaking.stop,
        # Whoever holds a place waits in a thread; the others answer whoever finds none, and health.
        workers=speaking.places.places + rpc.WORKERS + WATCHERS,
    )
