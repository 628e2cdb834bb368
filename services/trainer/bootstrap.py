"""Wires the trainer."""

from __future__ import annotations

import os

import grpc

from services.common import rpc
from services.common.charges import Charges
from services.common.runtime import House, Parts
from services.common.settings import number
from services.stubs.voicehub.catalog.v1.credits_pb2_grpc import CreditServiceStub
from services.stubs.voicehub.trainer.v1 import (
    evaluation_pb2,
    evaluation_pb2_grpc,
    trainer_pb2,
    trainer_pb2_grpc,
)
from services.trainer import forgetting
from services.trainer.evaluation.runner import EvaluationRunner
from services.trainer.evaluation.service import EvaluationService
from services.trainer.evaluation.speaking import Hub
from services.trainer.merging.runner import MergeRunner
from services.trainer.merging.service import subscription as merge_subscription
from services.trainer.merging.versions import Versions
from services.trainer.port import open_training
from services.trainer.publisher import Publisher
from services.trainer.service import WATCHERS, TrainerService


def bootstrap(house: House) -> Parts:
    """The parts of the trainer from the engines of the house."""
    settings = house.settings
    publisher = Publisher(settings.address("catalog"), house.signer, house.objects, settings.tls)
    runner = open_training(
        settings.training_url, house.database, house.objects, settings.data / "training", settings.bases, publisher
    )
    charges = Charges(house.database, CreditServiceStub(house.channel("catalog")).ReserveCredits, "training", "trainer")
    hub = Hub(settings.address("catalog"), settings.address("inference"), house.signer, house.objects, settings.tls)
    service = TrainerService(
        house.database, house.objects, runner, charges, hub.version, settings.bases, publisher.check
    )
    most = number(os.environ, "VOICEHUB_EVALUATION_SENTENCES", 0) or None
    judges = EvaluationRunner(house.database, hub, settings.data / "evaluations", most=most)
    evaluations = EvaluationService(house.database, hub, judges)
    versions = Versions(settings.address("catalog"), house.signer, settings.tls)
    merges = MergeRunner(house.database, house.objects, versions, settings.data / "merges")

    def register(server: grpc.Server) -> None:
        trainer_pb2_grpc.add_TrainerServiceServicer_to_server(service, server)
        evaluation_pb2_grpc.add_EvaluationServiceServicer_to_server(evaluations, server)

    def start() -> None:
        runner.start()
        judges.start()
        merges.taker.start()

    def stop() -> None:
        merges.taker.stop()
        judges.stop()
        runner.stop()

    files = (trainer_pb2, evaluation_pb2)
    return Parts(
        register=register,
        names=[one.full_name for file in files for one in file.DESCRIPTOR.services_by_name.values()],
        subscriptions=[
            *runner.subscriptions(),
            evaluations.subscription(),
            merge_subscription(merges),
            forgetting.subscription(house.database, runner),
        ],
        start=start,
        stop=stop,
        workers=rpc.WORKERS + WATCHERS,
    )
