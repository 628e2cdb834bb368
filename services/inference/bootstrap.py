"""Wires inference."""

from __future__ import annotations

import grpc

from services.common import rpc
from services.common.charges import Charges
from services.common.runtime import House, Parts
from services.inference.admission import Line, capacity
from services.inference.auditions import Auditions
from services.inference.bases import Bases
from services.inference.batches.bootstrap import WATCHERS, Batches
from services.inference.engines import memory_budget, open_engines
from services.inference.exporter import Exporter
from services.inference.handlers import Handlers
from services.inference.provenance import Provenance
from services.inference.registry import BaseRegistry
from services.inference.service import InferenceService
from services.inference.shelf import Shelf
from services.inference.synthesis import Synthesizer
from services.stubs.voicehub.catalog.v1.credits_pb2_grpc import CreditServiceStub
from services.stubs.voicehub.inference.v1 import batch_pb2, batch_pb2_grpc, inference_pb2, inference_pb2_grpc


def bootstrap(house: House) -> Parts:
    """The parts of inference from the engines of the house."""
    settings = house.settings
    registry = BaseRegistry(settings.bases)
    bases = Bases(registry, house.objects)
    shipped = bases.register_shipped()
    places = capacity()
    provenance = Provenance(settings.data / "inference" / "provenance")
    engines, memory = open_engines(settings.inference_url), memory_budget(settings.inference_url)
    shelf = Shelf(house.objects, registry, settings.data / "inference" / "voices", engines, memory)
    synthesizer = Synthesizer(shelf, Line(places), provenance)
    exporter = Exporter(house.objects, settings.objects_url, registry, shipped.digest if shipped else "")
    reserve = CreditServiceStub(house.channel("catalog")).ReserveCredits
    charges = Charges(house.database, reserve, "synthesis", "inference")
    packing = settings.data / "inference" / "packing"
    batches = Batches.wire(house.database, house.objects, synthesizer, packing, charges)
    shards = [batches.shards.subscription()] if settings.speaks_batches else []
    handlers = Handlers(house.database, exporter, Auditions(house.objects, synthesizer))
    service = InferenceService(house.database, synthesizer, bases)

    def register(server: grpc.Server) -> None:
        inference_pb2_grpc.add_InferenceServiceServicer_to_server(service, server)
        batch_pb2_grpc.add_BatchServiceServicer_to_server(batches.service, server)

    return Parts(
        register=register,
        names=[
            inference_pb2.DESCRIPTOR.services_by_name["InferenceService"].full_name,
            batch_pb2.DESCRIPTOR.services_by_name["BatchService"].full_name,
        ],
        subscriptions=[*handlers.subscriptions(), *shards],
        start=shelf.watch,
        stop=shelf.close,
        # Whoever holds a place waits in a thread; the others answer whoever finds none, and health.
        workers=places.places + rpc.WORKERS + WATCHERS,
    )
