"""`python -m services.inference.batch_worker`: an inference that only speaks the shards of batches.

In a cluster there are as many of these as shards wait (BatchSynthesis, docs/operator.md); they share the tables, the
bus and the objects of the inference service, which then takes no shards itself (VOICEHUB_BATCH_WORKERS=elsewhere).
A worker that dies leaves its shard to another one, which speaks only what is not spoken yet.
"""

from __future__ import annotations

from pathlib import Path

from services.common import settings
from services.common.charges import Charges
from services.common.runtime import House, Parts, run
from services.inference.admission import Line, capacity
from services.inference.bases import Bases
from services.inference.batches.bootstrap import Batches
from services.inference.engines import memory_budget, open_engines
from services.inference.provenance import Provenance
from services.inference.registry import BaseRegistry
from services.inference.shelf import Shelf
from services.inference.synthesis import Synthesizer
from services.stubs.voicehub.catalog.v1.credits_pb2_grpc import CreditServiceStub


def bootstrap(house: House) -> Parts:
    """The parts of a batch worker from the engines of the house: no surface but health."""
    given, folder = house.settings, house.settings.data / "inference"
    registry = BaseRegistry(given.bases)
    Bases(registry, house.objects).register_shipped()
    engines, memory = open_engines(given.inference_url), memory_budget(given.inference_url)
    shelf = Shelf(house.objects, registry, folder / "voices", engines, memory)
    synthesizer = Synthesizer(shelf, Line(capacity()), Provenance(folder / "provenance"))
    reserve = CreditServiceStub(house.channel("catalog")).ReserveCredits
    charges = Charges(house.database, reserve, "synthesis", "inference")
    batches = Batches.wire(house.database, house.objects, synthesizer, folder / "packing", charges)
    return Parts(
        register=lambda _: None,
        names=[],
        subscriptions=[batches.shards.subscription()],
        start=shelf.watch,
        stop=shelf.close,
    )


if __name__ == "__main__":
    raise SystemExit(run(settings.load("inference"), Path(__file__).parent / "migrations", bootstrap))
