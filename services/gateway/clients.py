"""The other services, as the gateway calls them: for the person whose request is being served."""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
import grpc.experimental
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common import rpc
from services.common.errors import Unavailable, VoiceHubError, from_rpc
from services.common.identity import UNKNOWN_IDENTITY, Identity, Signer
from services.common.settings import Settings
from services.stubs.voicehub.catalog.v1.access_pb2_grpc import AccessServiceStub, OrganisationServiceStub
from services.stubs.voicehub.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from services.stubs.voicehub.catalog.v1.credits_pb2_grpc import CreditServiceStub
from services.stubs.voicehub.catalog.v1.datasets_pb2_grpc import DatasetServiceStub
from services.stubs.voicehub.catalog.v1.forks_pb2_grpc import ForkServiceStub
from services.stubs.voicehub.catalog.v1.issues_pb2_grpc import IssueServiceStub
from services.stubs.voicehub.catalog.v1.moderation_pb2_grpc import ModerationServiceStub
from services.stubs.voicehub.catalog.v1.pulls_pb2_grpc import PullServiceStub
from services.stubs.voicehub.catalog.v1.refs_pb2_grpc import RefServiceStub
from services.stubs.voicehub.catalog.v1.transfer_pb2_grpc import TransferServiceStub
from services.stubs.voicehub.catalog.v1.watching_pb2_grpc import WatchServiceStub
from services.stubs.voicehub.inference.v1.batch_pb2_grpc import BatchServiceStub
from services.stubs.voicehub.inference.v1.inference_pb2_grpc import InferenceServiceStub
from services.stubs.voicehub.scanner.v1.scanner_pb2_grpc import ScannerServiceStub
from services.stubs.voicehub.trainer.v1.evaluation_pb2_grpc import EvaluationServiceStub
from services.stubs.voicehub.trainer.v1.trainer_pb2_grpc import TrainerServiceStub

T = TypeVar("T")
UPSTREAMS = ("catalog", "trainer", "scanner", "inference")
QUICK_SECONDS = 15.0
SLOW_SECONDS = 180.0
SIGNED_FOR_SECONDS = 60.0
LOOKAHEAD_BYTES = 2 << 20
"""Of each synthesis so much may wait here to be read; a minute of speech at 16 kHz."""
SPEECH_OPTIONS = (
    ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
    # A stream is read by the thread that answers: another one that hands over each part costs a millisecond.
    (grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1),
)
VISITOR = Identity(service="gateway", scopes=frozenset({"read"}))
_current: contextvars.ContextVar[Identity] = contextvars.ContextVar("voicehub_person", default=VISITOR)


class Signatures:
    """Signs for people; a signature is used again for half of its life, by the clock that those who read it go by."""

    def __init__(self, signer: Signer) -> None:
        self._signer, self._lock = signer, threading.Lock()
        self._kept: dict[Identity, tuple[float, str]] = {}

    def token(self) -> str:
        """The signed identity of the person in whose name this thread works."""
        identity, now = _current.get(), time.time()
        with self._lock:
            signed, token = self._kept.get(identity, (math.inf, ""))
            if not 0 <= now - signed < SIGNED_FOR_SECONDS:
                token = self._signer.sign(identity)
                self._kept = {i: kept for i, kept in self._kept.items() if 0 <= now - kept[0] < SIGNED_FOR_SECONDS}
                self._kept[identity] = (now, token)
        return token


@contextmanager
def acting_for(identity: Identity) -> Iterator[None]:
    """Calls in this block carry that identity."""
    reset = _current.set(identity)
    try:
        yield
    finally:
        _current.reset(reset)


class Clients:
    """Stubs of all services on channels that stay open."""

    def __init__(self, settings: Settings, signer: Signer) -> None:
        token = Signatures(signer).token
        more = {"inference": SPEECH_OPTIONS}
        self._channels = {
            name: rpc.make_channel(settings.address(name), token, settings.tls, more.get(name, ()))
            for name in UPSTREAMS
        }
        self.catalog = CatalogServiceStub(self._channels["catalog"])
        self.refs = RefServiceStub(self._channels["catalog"])
        self.pulls = PullServiceStub(self._channels["catalog"])
        self.forks = ForkServiceStub(self._channels["catalog"])
        self.access = AccessServiceStub(self._channels["catalog"])
        self.organisations = OrganisationServiceStub(self._channels["catalog"])
        self.transfer = TransferServiceStub(self._channels["catalog"])
        self.credits = CreditServiceStub(self._channels["catalog"])
        self.datasets = DatasetServiceStub(self._channels["catalog"])
        self.issues = IssueServiceStub(self._channels["catalog"])
        self.moderation = ModerationServiceStub(self._channels["catalog"])
        self.watching = WatchServiceStub(self._channels["catalog"])
        self.trainer = TrainerServiceStub(self._channels["trainer"])
        self.evaluations = EvaluationServiceStub(self._channels["trainer"])
        self.scanner = ScannerServiceStub(self._channels["scanner"])
        self.inference = InferenceServiceStub(self._channels["inference"])
        self.batches = BatchServiceStub(self._channels["inference"])

    def health(self, seconds: float = 1.0) -> dict[str, str]:
        """`serving` or `down` for each service, asked all at once."""
        request = health_pb2.HealthCheckRequest()
        asked = {
            name: _health_check(channel).future(request, timeout=seconds) for name, channel in self._channels.items()
        }
        return {name: "serving" if future.exception() is None else "down" for name, future in asked.items()}

    def close(self) -> None:
        """Closes the channels; nobody may call any more."""
        for channel in self._channels.values():
            channel.close()


def _health_check(channel: grpc.Channel) -> Any:
    return health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]  # gRPC sets it at run time


def ask(method: Callable[..., T], request: object, seconds: float = 0.0) -> T:
    """Calls a unary method; its failure is raised as the typed error that the REST surface renders.

    Args:
        seconds: how long the caller waits, `QUICK_SECONDS` if 0: long enough for a service that restarts.
    """
    try:
        return method(request, timeout=seconds or QUICK_SECONDS)
    except grpc.RpcError as error:
        raise told(error) from error


def told(call: grpc.RpcError) -> VoiceHubError:
    """What a service answers, as people are told it.

    Their own token was checked here; a service that does not accept the gateway's identity is no fault of theirs (a
    clock that jumped, keys that have just changed).
    """
    error = from_rpc(call)
    if error.reason == UNKNOWN_IDENTITY:
        return Unavailable("The parts of the hub do not know each other now.", hint="Try again in a few seconds.")
    return error
