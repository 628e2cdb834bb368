"""Wires the catalog."""

from __future__ import annotations

import os
import threading

import grpc

from services.catalog import handlers
from services.catalog.collaboration import handlers as account_handlers
from services.catalog.collaboration.access_service import AccessService
from services.catalog.collaboration.forks_service import ForkService
from services.catalog.collaboration.judgement_service import JudgementService
from services.catalog.collaboration.organisation_service import OrganisationService
from services.catalog.collaboration.pulls_service import PullService
from services.catalog.collaboration.refs_service import RefService
from services.catalog.collecting import Collector
from services.catalog.community import handlers as notice_handlers
from services.catalog.community.issue_service import IssueService
from services.catalog.community.moderation_service import ModerationService
from services.catalog.community.watch_service import WatchService
from services.catalog.credits import handlers as credit_handlers
from services.catalog.credits.service import CreditService
from services.catalog.credits.setting import prices as credit_prices
from services.catalog.datasets.service import DatasetService
from services.catalog.janitor import Janitor
from services.catalog.search.keeper import Keeper
from services.catalog.search.port import open_index
from services.catalog.search.projection import Projection
from services.catalog.search.voices import VoiceSearch
from services.catalog.service import CatalogService
from services.catalog.transfer import making
from services.catalog.transfer.service import TransferService
from services.common.runtime import House, Parts
from services.stubs.voicehub.catalog.v1 import (
    access_pb2,
    access_pb2_grpc,
    catalog_pb2,
    catalog_pb2_grpc,
    credits_pb2,
    credits_pb2_grpc,
    datasets_pb2,
    datasets_pb2_grpc,
    forks_pb2,
    forks_pb2_grpc,
    issues_pb2,
    issues_pb2_grpc,
    moderation_pb2,
    moderation_pb2_grpc,
    pulls_pb2,
    pulls_pb2_grpc,
    refs_pb2,
    refs_pb2_grpc,
    transfer_pb2,
    transfer_pb2_grpc,
    watching_pb2,
    watching_pb2_grpc,
)


def bootstrap(house: House) -> Parts:
    """The parts of the catalog from the engines of the house."""
    default = f"sqlite:///{house.settings.data / 'db' / 'search.sqlite'}"
    index = open_index(os.environ.get("VOICEHUB_SEARCH_URL", default))
    projection = Projection(house.database, index)
    prices = credit_prices()
    search = VoiceSearch(house.database, index, projection)
    service = CatalogService(house.database, house.objects, search, prices)
    credit_service = CreditService(house.database, prices)
    keeper = Keeper(house.database, projection)

    janitor = Janitor(Collector(house.database, house.objects))

    def start() -> None:
        threading.Thread(target=search.prepare, name="search-words", daemon=True).start()
        keeper.start()
        janitor.start()

    def stop() -> None:
        janitor.stop()
        keeper.stop()
        index.close()

    def register(server: grpc.Server) -> None:
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(service, server)
        refs_pb2_grpc.add_RefServiceServicer_to_server(RefService(house.database), server)
        access_pb2_grpc.add_AccessServiceServicer_to_server(AccessService(house.database), server)
        forks_pb2_grpc.add_ForkServiceServicer_to_server(ForkService(house.database), server)
        pulls_pb2_grpc.add_PullServiceServicer_to_server(PullService(house.database), server)
        judgements = JudgementService(house.database, house.objects)
        pulls_pb2_grpc.add_JudgementServiceServicer_to_server(judgements, server)
        access_pb2_grpc.add_OrganisationServiceServicer_to_server(OrganisationService(house.database), server)
        transfer_pb2_grpc.add_TransferServiceServicer_to_server(TransferService(house.database), server)
        credits_pb2_grpc.add_CreditServiceServicer_to_server(credit_service, server)
        datasets_pb2_grpc.add_DatasetServiceServicer_to_server(DatasetService(house.database), server)
        issues_pb2_grpc.add_IssueServiceServicer_to_server(IssueService(house.database), server)
        moderation_pb2_grpc.add_ModerationServiceServicer_to_server(ModerationService(house.database), server)
        watching_pb2_grpc.add_WatchServiceServicer_to_server(WatchService(house.database), server)

    people = (access_pb2, credits_pb2, datasets_pb2, issues_pb2, moderation_pb2, watching_pb2)
    contracts = (catalog_pb2, refs_pb2, forks_pb2, pulls_pb2, transfer_pb2, *people)
    return Parts(
        register=register,
        names=[found.full_name for one in contracts for found in one.DESCRIPTOR.services_by_name.values()],
        subscriptions=[
            handlers.subscription(),
            making.subscription(house.database, house.objects),
            credit_handlers.subscription(prices),
            notice_handlers.subscription(),
            account_handlers.subscription(house.database),
        ],
        start=start,
        stop=stop,
    )
