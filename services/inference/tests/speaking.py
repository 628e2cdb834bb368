"""Inference over real gRPC on loopback, with the shipped nano base's own voice exported once."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import soundfile

from services.common import rpc
from services.common.database import Database
from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.common.migrations import upgrade
from services.common.objects import Area, ObjectStore, open_store
from services.inference import store
from services.inference.admission import Line
from services.inference.bases import Bases
from services.inference.domain.fairness import Capacity
from services.inference.domain.voices import StoredFile, Voice
from services.inference.known import KnownVoices
from services.inference.provenance import Provenance
from services.inference.registry import BaseRegistry
from services.inference.service import InferenceService
from services.inference.shelf import Shelf
from services.inference.synthesis import Synthesizer
from services.stubs.voicehub.inference.v1 import inference_pb2_grpc

MIGRATIONS = Path(__file__).parents[1] / "migrations"
VERSION = "a" * 32
Stub = inference_pb2_grpc.InferenceServiceStub


def export_nano(out: Path) -> Path:
    """The bundle of the shipped base's own voice."""
    import torch
    from safetensors.torch import load_file

    from gptsovits.nano.export import export_bundle

    torch.set_num_threads(1)
    base = Path(str(files("gptsovits"))) / "bases" / "nano"
    config = json.loads((base / "base.json").read_text())["config"]
    tensors = [{k: v.float() for k, v in load_file(base / f"{s}.safetensors").items()} for s in ("s1", "s2")]
    return export_bundle(tensors[0], config["s1"], tensors[1], config["s2"], out)


@dataclass
class Speaking:
    """The running service."""

    as_account: Callable[[str], Stub]
    shelf: Shelf
    voice: Voice
    bundle: Path
    place: Callable[[Path, str], str]
    """Stores the voice of a bundle folder under a version id, which it answers."""
    database: Database
    objects: Path


def nano_voice(bundle: Path, objects: ObjectStore, version: str = VERSION) -> Voice:
    """The exported voice with two prompts, a low and a high one."""
    stored = [_stored(objects, path.name, path.read_bytes()) for path in sorted(bundle.iterdir())]
    prompts = [_stored(objects, f"prompts/{name}.wav", _tone(hertz)) for name, hertz in (("low", 110), ("high", 330))]
    card = {"languages": ["en"], "prompts": [{"file": "low.wav"}, {"file": "high.wav"}]}
    return Voice(version, "nano", tuple(stored), tuple(prompts), {}, card)


@contextmanager
def speaking(bundle: Path, folder: Path, capacity: Capacity) -> Iterator[Speaking]:
    """The service with that line at its door."""
    database = Database(f"sqlite:///{folder}/inference.sqlite")
    upgrade(database, MIGRATIONS)
    objects = open_store(f"file://{folder}/objects")

    def place(bundle: Path, version: str) -> str:
        with database.write() as session:
            store.save(session, nano_voice(bundle, objects, version))
        return version

    place(bundle, VERSION)
    registry = BaseRegistry(folder / "bases")
    shelf = Shelf(objects, registry, folder / "voices")
    voices = KnownVoices(database)
    synthesizer = Synthesizer(shelf, Line(capacity), Provenance(folder / "provenance"), voices.check)
    service = InferenceService(voices, synthesizer, Bases(registry, objects))
    ensure_keys(folder / "keys", "gateway")
    signer, address = Signer(folder / "keys", "gateway"), free_address()

    def register(server: grpc.Server) -> None:
        inference_pb2_grpc.add_InferenceServiceServicer_to_server(service, server)

    server = rpc.make_server(address, Verifier(folder / "keys"), register, [], workers=capacity.places + rpc.WORKERS)
    channels: list[grpc.Channel] = []

    def as_account(name: str) -> Stub:
        identity = Identity(name, "gateway", frozenset({"read"}))
        channels.append(rpc.make_channel(address, lambda: signer.sign(identity)))
        return inference_pb2_grpc.InferenceServiceStub(channels[-1])

    try:
        yield Speaking(as_account, shelf, nano_voice(bundle, objects), bundle, place, database, folder / "objects")
    finally:
        for channel in channels:
            channel.close()
        server.stop(None).wait()
        database.engine.dispose()


def free_address() -> str:
    """A loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def _stored(objects: ObjectStore, path: str, content: bytes) -> StoredFile:
    kept = objects.put(Area.SERVED, [content])
    return StoredFile(path, kept.digest, kept.size)


def _tone(hertz: float) -> bytes:
    time = np.arange(4 * 16_000) / 16_000
    wave: Any = 0.4 * np.sin(2 * np.pi * hertz * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    file = io.BytesIO()
    soundfile.write(file, wave, 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()
