"""A catalog as a real process over loopback, with real signed identities and the real event bus."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message

from services.common.events import EventBus, make_event, open_bus
from services.common.identity import Identity, Signer, ensure_keys
from services.common.objects import Area, ObjectStore, open_store
from services.common.rpc import make_channel
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1.catalog_pb2_grpc import CatalogServiceStub
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2

T = TypeVar("T")
DECLARATION = common_pb2.Declaration(source="self-recorded", license="CC-BY-4.0", consent="self")
CARD = {
    "languages": ["en"],
    "gender": "male",
    "age": "middle",
    "styles": ["narrative"],
    "description_zh": "中年男性，英语母语，叙事风格",
    "description_en": "Middle-aged man, native English, narrative style",
    "tags": ["demo"],
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Hub:
    """The catalog's process and everything a test needs to talk to it."""

    data: Path
    address: str
    bus: EventBus
    objects: ObjectStore
    process: subprocess.Popen[bytes] | None = None
    channels: list[grpc.Channel] = field(default_factory=list)
    people: dict[tuple[str, str], grpc.Channel] = field(default_factory=dict)

    def start(self) -> None:
        environment = {**os.environ, "VOICEHUB_DATA": str(self.data), "VOICEHUB_CATALOG_ADDRESS": self.address}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.catalog"], env=environment, stderr=(self.data / "log").open("ab")
        )

    def ready(self) -> None:
        """Waits for the server to listen; a loaded machine may need a while to start Python."""
        with grpc.insecure_channel(self.address) as channel:
            grpc.channel_ready_future(channel).result(timeout=180)

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stub(self, account: str = "", service: str = "gateway") -> CatalogServiceStub:
        """Calls in the name of `account`, signed by `service`; no account: an anonymous visitor."""
        return CatalogServiceStub(self.channel(account, service))

    def channel(self, account: str = "", service: str = "gateway") -> grpc.Channel:
        """As `stub`, for the other contracts of the catalog; one channel a caller."""
        if (account, service) not in self.people:
            signer = Signer(self.data / "keys", service)
            made = make_channel(self.address, lambda: signer.sign(Identity(account)))
            self.people[account, service] = made
            self.channels.append(made)
        return self.people[account, service]

    def service_stub(self, service: str) -> CatalogServiceStub:
        channel = make_channel(self.address, Signer(self.data / "keys", service).own)
        self.channels.append(channel)
        return CatalogServiceStub(channel)

    def upload(self, content: bytes) -> common_pb2.ObjectRef:
        info = self.objects.put(Area.QUARANTINE, [content])
        return common_pb2.ObjectRef(digest=info.digest, size=info.size)

    def serve(self, content: bytes) -> common_pb2.ObjectRef:
        info = self.objects.put(Area.SERVED, [content])
        return common_pb2.ObjectRef(digest=info.digest, size=info.size)

    def push_request(self, owner: str, name: str, **changes: object) -> pb.CreateVersionRequest:
        files = [
            common_pb2.UploadedFile(role="s1", filename="a.ckpt", object=self.upload(b"stage 1")),
            common_pb2.UploadedFile(role="s2", filename="a.pth", object=self.upload(b"stage 2")),
        ]
        values: dict[str, object] = {
            "owner": owner,
            "name": name,
            "message": "first",
            "card": to_struct(CARD),
            "declaration": DECLARATION,
            "files": files,
        }
        return pb.CreateVersionRequest(**{**values, **changes})  # type: ignore[arg-type]

    def publish(self, topic: str, payload: Message, source: str) -> None:
        self.bus.publish([make_event(topic, payload.version_id, payload, source)])  # type: ignore[attr-defined]

    def scanned(self, version: str, verdict: str = "clean") -> scanner_pb2.StaticScanCompleted:
        ref = self.serve(b"tensor of " + version.encode())
        prompt = self.serve(b"prompt of " + version.encode())
        return scanner_pb2.StaticScanCompleted(
            version_id=version,
            verdict=verdict,
            family="v2",
            findings=[common_pb2.Finding(rule="pickle-call", place="data.pkl@12", severity="critical")],
            tensors=[common_pb2.Tensor(name="s1/a", dtype="float32", shape=[2], digest=ref.digest, size=ref.size)],
            configs=to_struct({"s1": {"layers": 2}}),
            files=[scanner_pb2.RebuiltFile(path="prompts/a.flac", object=prompt)],
            requires={"content_encoder": "unverified:hubert"},
        )

    def exported(self, version: str) -> inference_pb2.ExportCompleted:
        bundle = [inference_pb2.BundleFile(path="s2.onnx", object=self.serve(b"onnx of " + version.encode()))]
        return inference_pb2.ExportCompleted(version_id=version, family="v2", bundle=bundle)

    def behaved(self, version: str, outcome: str = "passed") -> scanner_pb2.BehaviourTestCompleted:
        return scanner_pb2.BehaviourTestCompleted(version_id=version, outcome=outcome)

    def walk(self, version: str) -> None:
        """The whole road of a clean version."""
        self.publish("scans", self.scanned(version), "scanner")
        self.publish("exports", self.exported(version), "inference")
        self.publish("scans", self.behaved(version), "scanner")

    def until(
        self, stub: CatalogServiceStub, owner: str, name: str, version: str, state: pb.VersionState.ValueType
    ) -> pb.Version:
        """The version once it is in `state`."""
        request = pb.GetVersionRequest(owner=owner, name=name, ref=version)
        return self.eventually(lambda: stub.GetVersion(request).version, lambda found: found.state == state)

    def eventually(self, look: Callable[[], T], enough: Callable[[T], bool]) -> T:
        """What `look` sees once it is enough; TimeoutError with what it saw last."""
        deadline = time.monotonic() + 60
        while not enough(found := look()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"stayed at {found}")
            time.sleep(0.05)
        return found


@contextmanager
def opened(data: Path) -> Iterator[Hub]:
    """A catalog on engines of its own in `data`, stopped at the end."""
    for service in ("gateway", "trainer", "scanner", "inference"):
        ensure_keys(data / "keys", service)
    made = Hub(
        data,
        f"127.0.0.1:{free_port()}",
        open_bus(f"sqlite:///{data / 'db' / 'events.sqlite'}"),
        open_store(f"file://{data / 'objects'}"),
    )
    made.start()
    made.ready()
    yield made
    made.kill()
    for channel in made.channels:
        channel.close()
    made.bus.close()


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with opened(tmp_path_factory.mktemp("hub")) as made:
        yield made
