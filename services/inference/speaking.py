"""Wires what speaks: voices that are opened when they are asked for, the line before them, and the work on batches."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.charges import Charges
from services.common.runtime import House
from services.inference.admission import Line, capacity
from services.inference.bases import Bases
from services.inference.batches.bootstrap import Batches
from services.inference.domain.fairness import Capacity
from services.inference.engines import memory_budget, open_engines
from services.inference.known import KnownVoices
from services.inference.provenance import Provenance
from services.inference.registry import BaseRegistry, RegisteredBase
from services.inference.shelf import Shelf
from services.inference.sweeping import Sweeper
from services.inference.synthesis import Synthesizer
from services.stubs.voicehub.catalog.v1.credits_pb2_grpc import CreditServiceStub


@dataclass(frozen=True)
class Speaking:
    """What the inference service and a batch worker have in common; `shipped` is the base that comes along."""

    registry: BaseRegistry
    bases: Bases
    shipped: RegisteredBase | None
    places: Capacity
    shelf: Shelf
    voices: KnownVoices
    synthesizer: Synthesizer
    batches: Batches
    sweeper: Sweeper

    @classmethod
    def wire(cls, house: House) -> Speaking:
        """From the engines of the house."""
        settings, folder = house.settings, house.settings.data / "inference"
        registry = BaseRegistry(settings.bases)
        bases = Bases(registry, house.objects)
        shipped, places = bases.register_shipped(), capacity()
        engines, memory = open_engines(settings.inference_url), memory_budget(settings.inference_url)
        shelf = Shelf(house.objects, registry, folder / "voices", engines, memory)
        voices = KnownVoices(house.database)
        synthesizer = Synthesizer(shelf, Line(places), Provenance(folder / "provenance"), voices.check)
        reserve = CreditServiceStub(house.channel("catalog")).ReserveCredits
        charges = Charges(house.database, reserve, "synthesis", "inference")
        batches = Batches.wire(house.database, house.objects, synthesizer, folder / "packing", charges)
        sweeper = Sweeper(house.database, shelf)
        return cls(registry, bases, shipped, places, shelf, voices, synthesizer, batches, sweeper)

    def start(self) -> None:
        """What goes on beside the calls."""
        self.shelf.watch()
        self.sweeper.start()

    def stop(self) -> None:
        """The opposite of `start`; nobody may speak any more."""
        self.sweeper.stop()
        self.shelf.close()
