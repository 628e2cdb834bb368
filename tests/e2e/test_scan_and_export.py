"""Scanner and inference as real processes over loopback and the embedded bus: pushed files to samples and speech.

The test stands in for the catalog: it says that versions were pushed and published, and listens to what comes back.
"""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import grpc
import numpy as np
import pytest
import soundfile
from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

import gptsovits
from gptsovits.formats.base_pair import write_pair
from gptsovits.parity.recorded_synthesis import write_recorded_features
from gptsovits.runtime.label import read_label
from services.common import rpc
from services.common.events import Consumer, make_event, open_bus
from services.common.identity import Identity, Signer, ensure_keys
from services.common.objects import Area, open_store
from services.common.settings import load
from services.stubs.voicehub.catalog.v1 import events_pb2
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2, inference_pb2_grpc
from services.stubs.voicehub.scanner.v1 import scanner_pb2, scanner_pb2_grpc

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
CHECKPOINTS = GOLDEN / "checkpoints"
PATIENCE = 240.0
M = TypeVar("M", bound=Message)


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@dataclass
class House:
    """A data folder, its bus and objects, and the two services."""

    environment: dict[str, str]
    processes: list[subprocess.Popen[bytes]]

    def __post_init__(self) -> None:
        self.settings = load("catalog", self.environment)
        self.bus = open_bus(self.settings.events_url)
        self.objects = open_store(self.settings.objects_url)
        self.consumer: Consumer = self.bus.consumer("test", ["scans", "exports", "synthesis"])
        self.heard: list[Any] = []

    def push(self, version: str, card: dict[str, Any], *files: tuple[str, Path]) -> None:
        uploaded = []
        for role, path in files:
            kept = self.objects.put(Area.QUARANTINE, [path.read_bytes()])
            reference = common_pb2.ObjectRef(digest=kept.digest, size=kept.size)
            uploaded.append(common_pb2.UploadedFile(role=role, filename=path.name, object=reference))
        pushed = events_pb2.VersionPushed(
            version_id=version, owner="demo", name="tiny", files=uploaded, card=json_format.ParseDict(card, Struct())
        )
        self.bus.publish([make_event("versions", version, pushed, "catalog")])

    def publish(self, version: str) -> None:
        published = events_pb2.VersionPublished(version_id=version, owner="demo", name="tiny", auditionable=True)
        self.bus.publish([make_event("versions", version, published, "catalog")])

    def await_message(self, version: str, kind: type[M]) -> M:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            for event in self.heard:
                if event.key == version and event.is_a(kind):
                    return cast(M, event.parse(kind))
            assert all(p.poll() is None for p in self.processes), "a service died"
            for delivery in self.consumer.poll(16, 1.0):
                self.heard.append(delivery.event)
                self.consumer.commit(delivery)
        raise AssertionError(f"no {kind.__name__} for {version}")

    def channel(self, service: str) -> grpc.Channel:
        ensure_keys(self.settings.keys, "gateway")
        signer = Signer(self.settings.keys, "gateway")
        return rpc.make_channel(self.settings.address(service), lambda: signer.sign(Identity("ada")))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("hub")
    names = ("catalog", "scanner", "inference")
    addresses = {f"VOICEHUB_{name.upper()}_ADDRESS": f"127.0.0.1:{free_port()}" for name in names}
    environment = {**os.environ, "VOICEHUB_DATA": str(data), "OMP_NUM_THREADS": "1", **addresses}
    for name in ("gateway", "scanner", "inference"):  # the launcher makes all keys before it starts anybody
        ensure_keys(data / "keys", name)
    processes = [
        subprocess.Popen([sys.executable, "-m", f"services.{name}"], env=environment)
        for name in ("scanner", "inference")
    ]
    yield House(environment, processes)
    for process in processes:
        process.terminate()
    for process in processes:
        assert process.wait(timeout=60) == 0


def write_wav(path: Path) -> Path:
    tone = 0.3 * np.sin(2 * np.pi * 160 * np.arange(4 * 32000) / 32000)
    soundfile.write(path, tone, 32000, subtype="PCM_16")
    return path


STAGE_1 = ("s1", CHECKPOINTS / "tiny-e15.ckpt")
STAGE_2 = ("s2", CHECKPOINTS / "tiny_v2_e8_s128.pth")


def test_a_voice_with_recorded_features_goes_all_the_way(house: House, tmp_path: Path) -> None:
    prompt, _ = write_recorded_features(GOLDEN, tmp_path, "v2")
    house.push("feat", {"languages": ["en"]}, STAGE_1, STAGE_2, ("prompt", prompt))
    scan = house.await_message("feat", scanner_pb2.StaticScanCompleted)
    assert (scan.verdict, scan.family) == ("clean", "v2"), scan.findings
    export = house.await_message("feat", inference_pb2.ExportCompleted)
    assert export.not_auditionable == ""
    assert {file.path for file in export.bundle} >= {"bundle.json", "s2.onnx", "s1_step.onnx"}
    assert max(export.parity.values()) < 1e-3
    tested = house.await_message("feat", scanner_pb2.BehaviourTestCompleted)
    assert tested.outcome == "passed", tested
    observed = json_format.MessageToDict(tested.observed)
    assert observed["walls"]["outer"] == "bubblewrap"
    assert observed["audio_seconds"] > 0
    house.publish("feat")
    made = house.await_message("feat", inference_pb2.AuditionsCompleted)
    assert [a.language for a in made.auditions] == ["en", "en"]
    content = house.objects.open(Area.SERVED, made.auditions[0].object.digest).read()
    label = read_label(content)
    assert label is not None
    assert label["Label"] == "1"


def test_an_own_text_is_spoken_and_the_same_seed_speaks_the_same(house: House) -> None:
    house.await_message("feat", inference_pb2.ExportCompleted)
    stub = inference_pb2_grpc.InferenceServiceStub(house.channel("inference"))
    request = inference_pb2.SynthesizeRequest(version_id="feat", text="Hello there.", language="en", seed=3)
    first, again = stub.Synthesize(request, timeout=120), stub.Synthesize(request, timeout=120)
    wave, rate = soundfile.read(io.BytesIO(first.wav))
    assert np.array_equal(wave, soundfile.read(io.BytesIO(again.wav))[0])  # each file has a signature of its own
    assert rate == first.sample_rate == 32000
    assert abs(len(wave) / rate - first.seconds) < 1e-6
    with pytest.raises(grpc.RpcError) as refused:
        stub.Synthesize(inference_pb2.SynthesizeRequest(version_id="feat", text=" "), timeout=60)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as unknown:
        stub.Synthesize(inference_pb2.SynthesizeRequest(version_id="nobody", text="Hi"), timeout=60)
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_recording_as_prompt_names_the_missing_encoder(house: House, tmp_path: Path) -> None:
    wav = write_wav(tmp_path / "p.wav")
    card = {"languages": ["en"], "prompts": [{"file": "p.wav", "text": "hello", "language": "en"}]}
    house.push("wav", card, STAGE_1, STAGE_2, ("prompt", wav))
    tested = house.await_message("wav", scanner_pb2.BehaviourTestCompleted)
    assert tested.outcome == "not-run"
    assert "voicehub-admin base add" in tested.not_auditionable
    assert "unverified:cnhubert" in tested.not_auditionable


def test_a_voice_without_prompt_says_how_to_mend_it(house: House) -> None:
    house.push("mute", {"languages": ["en"]}, STAGE_1, STAGE_2)
    tested = house.await_message("mute", scanner_pb2.BehaviourTestCompleted)
    assert tested.outcome == "not-run"
    assert "no prompt" in tested.not_auditionable


def test_the_report_is_signed_and_carries_second_opinions(house: House) -> None:
    house.await_message("feat", scanner_pb2.BehaviourTestCompleted)
    stub = scanner_pb2_grpc.ScannerServiceStub(house.channel("scanner"))
    deadline = time.monotonic() + PATIENCE
    report = stub.GetReport(scanner_pb2.GetReportRequest(version_id="feat")).report
    while not report.second_opinions and time.monotonic() < deadline:
        house.consumer.poll(1, 1.0)
        report = stub.GetReport(scanner_pb2.GetReportRequest(version_id="feat")).report
    assert report.verdict == "clean"
    assert report.signature
    assert json_format.MessageToDict(report.behaviour)["outcome"] == "passed"
    assert "picklescan" in report.second_opinions


def test_bases_are_listed_with_files_that_can_be_fetched(house: House) -> None:
    stub = inference_pb2_grpc.InferenceServiceStub(house.channel("inference"))
    for base in stub.ListBases(inference_pb2.ListBasesRequest()).bases:
        for file in base.files:
            assert house.objects.info(Area.SERVED, file.object.digest).size == file.object.size
        described = next(f for f in base.files if f.path == "base.json")
        assert json.loads(house.objects.open(Area.SERVED, described.object.digest).read())["digest"] == base.digest


def nano_files(folder: Path) -> list[tuple[str, Path]]:
    """The shipped base's own voice as a pushed pair, and a recording of four seconds."""
    base = Path(gptsovits.__file__).parent / "bases" / "nano"
    s1, s2 = write_pair(base, folder)
    return [("s1", s1), ("s2", s2), ("prompt", write_wav(folder / "p.wav"))]


def test_a_nano_voice_is_bound_to_the_shipped_base_and_speaks(house: House, tmp_path: Path) -> None:
    card = {"languages": ["en"], "prompts": [{"file": "p.wav", "text": "hello there", "language": "en"}]}
    house.push("nano", card, *nano_files(tmp_path))
    scan = house.await_message("nano", scanner_pb2.StaticScanCompleted)
    assert (scan.verdict, scan.family) == ("clean", "nano"), scan.findings
    export = house.await_message("nano", inference_pb2.ExportCompleted)
    assert export.not_auditionable == ""
    inference = inference_pb2_grpc.InferenceServiceStub(house.channel("inference"))
    bases = inference.ListBases(inference_pb2.ListBasesRequest()).bases
    assert export.requires["content_encoder"] in {base.digest for base in bases if base.default}
    tested = house.await_message("nano", scanner_pb2.BehaviourTestCompleted)
    assert tested.outcome == "passed", tested
    spoken = inference.Synthesize(
        inference_pb2.SynthesizeRequest(version_id="nano", text="Hello there.", language="en", seed=1), timeout=120
    )
    assert spoken.sample_rate == 16000
    assert spoken.seconds > 0.3
