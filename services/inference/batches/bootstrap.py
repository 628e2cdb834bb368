"""Wires batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.common.charges import Charges
from services.common.database import Database
from services.common.objects import ObjectStore
from services.common.subscriptions import Subscription
from services.inference.batches import forgetting
from services.inference.batches.estimates import Estimator
from services.inference.batches.lists import ListReader
from services.inference.batches.news import News
from services.inference.batches.packing import Packer
from services.inference.batches.service import BatchService
from services.inference.batches.shards import Shards, UnderWay
from services.inference.batches.speaker import TakeSpeaker
from services.inference.synthesis import Synthesizer

WATCHERS = 16
"""Threads for whoever watches a batch; the gateway lets in no more."""


@dataclass(frozen=True)
class Batches:
    """The parts of batch synthesis."""

    service: BatchService
    shards: Shards
    accounts: Subscription

    @classmethod
    def wire(
        cls, database: Database, objects: ObjectStore, synthesizer: Synthesizer, packing: Path, charges: Charges
    ) -> Batches:
        """From the engines of the house; zips are made in the folder `packing`."""
        news, under_way = News(), UnderWay()
        speaker, packer = TakeSpeaker(database, objects, synthesizer), Packer(database, objects, packing)
        estimator = Estimator(database, synthesizer)
        service = BatchService(database, objects, ListReader(objects), estimator, news, under_way, charges)
        shards = Shards(database, objects, speaker, packer, news, under_way)
        return cls(service, shards, forgetting.subscription(database, under_way))
