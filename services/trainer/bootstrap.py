"""Wires the trainer."""

from __future__ import annotations

from services.common.runtime import House, Parts
from services.stubs.voicehub.trainer.v1 import trainer_pb2, trainer_pb2_grpc
from services.trainer.port import open_training
from services.trainer.publisher import Publisher
from services.trainer.service import TrainerService


def bootstrap(house: House) -> Parts:
    """The parts of the trainer from the engines of the house."""
    settings = house.settings
    publisher = Publisher(settings.address("catalog"), house.signer, house.objects, settings.tls)
    runner = open_training(
        settings.training_url, house.database, house.objects, settings.data / "training", settings.bases, publisher
    )
    service = TrainerService(house.database, house.objects, runner)
    return Parts(
        register=lambda server: trainer_pb2_grpc.add_TrainerServiceServicer_to_server(service, server),
        names=[trainer_pb2.DESCRIPTOR.services_by_name["TrainerService"].full_name],
        subscriptions=runner.subscriptions(),
        start=runner.start,
        stop=runner.stop,
    )
