"""Wires the scanner."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from services.common.runtime import House, Parts
from services.common.settings import Settings
from services.scanner.behaviour import BehaviourTest
from services.scanner.handlers import Handlers
from services.scanner.opinions import SecondOpinions
from services.scanner.rescans import Rescans
from services.scanner.sandbox import open_sandbox
from services.scanner.service import ScannerService
from services.scanner.static_scan import StaticScanner
from services.scanner.store import ReportStore
from services.stubs.voicehub.scanner.v1 import scanner_pb2, scanner_pb2_grpc


def bootstrap(house: House) -> Parts:
    """The parts of the scanner from the engines of the house."""
    sandbox = open_sandbox(house.settings.sandbox_url)
    store = ReportStore(_signing_key(house.settings))
    static = StaticScanner(house.objects, sandbox)
    rescans = Rescans(house.database, store, static)
    handlers = Handlers(
        house.database,
        store,
        static,
        BehaviourTest(house.objects, sandbox),
        SecondOpinions(house.objects, sandbox),
    )
    service = ScannerService(house.database, store)
    return Parts(
        register=lambda server: scanner_pb2_grpc.add_ScannerServiceServicer_to_server(service, server),
        names=[scanner_pb2.DESCRIPTOR.services_by_name["ScannerService"].full_name],
        subscriptions=[*handlers.subscriptions(), rescans.subscription()],
        start=rescans.request_all,
    )


def _signing_key(settings: Settings) -> Ed25519PrivateKey:
    key = load_pem_private_key((settings.keys / f"{settings.service}.pem").read_bytes(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError(f"{settings.keys / settings.service}.pem is no Ed25519 key; remove it and start again.")
    return key
