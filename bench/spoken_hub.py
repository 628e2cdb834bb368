"""A running hub with a nano voice, and the same voice opened in this process: what benches of speech compare."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import httpx
import numpy as np
import soundfile
from safetensors.numpy import load_file

from bench.plain_http import Connection
from gptsovits.audio.dsp import pcm16
from gptsovits.formats.checkpoint_writer import write_checkpoint
from gptsovits.formats.prompt_files import PromptFile
from gptsovits.pipeline.training import shipped_base
from gptsovits.runtime.bundle import read_header
from gptsovits.runtime.conditioning import condition
from gptsovits.runtime.content import ContentEncoder
from gptsovits.runtime.performing import Performance
from gptsovits.runtime.prompt import Conditioning
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.speaking import Manner, read_pieces
from gptsovits.runtime.streaming import Chunks
from gptsovits.runtime.voice import Voice
from services.inference.engines import open_engines
from tests.e2e.house import House
from voicehub import Client, Declaration
from voicehub.prompts import choose
from voicehub.pushing import Part

T = TypeVar("T")
DECLARATION = Declaration("made by a bench", "CC0-1.0", "public-domain")
VOICE = "bench/spoken"
RATE = 16_000
KEPT_SECONDS = 5.0


@dataclass(frozen=True)
class Timed:
    """Seconds to the first sound and to the last, and the samples (int16, little-endian, at ``rate`` Hz)."""

    first: float
    whole: float
    pcm: bytes
    rate: int = RATE

    @property
    def seconds(self) -> float:
        """Of speech."""
        return len(self.pcm) / 2 / self.rate


Speak = Callable[[str, int], Timed]
"""Text and seed to sound."""


@dataclass(frozen=True)
class Pulled:
    """A voice as it was pulled: the folder of its exported bundle, and what its prompt needs."""

    version_id: str
    bundle: Path
    files: Path
    prompt: PromptFile
    encoder: ContentEncoder

    def open(self, bundle: Path, url: str = "onnxruntime://") -> Bare:
        """The voice, or one made from it by changing its bundle."""
        voice = Voice(open_engines(url).open(bundle).engine)
        conditioning = condition(voice, self.prompt, self.files, self.encoder)
        return Bare(voice, conditioning, Sampling(**read_header(bundle).get("sampling", {})))


@dataclass(frozen=True)
class Bare:
    """The engine without a hub around it."""

    voice: Voice
    conditioning: Conditioning
    sampling: Sampling

    def speak(self, text: str, seed: int) -> Timed:
        """As the hub streams."""
        begin, first, blocks = time.perf_counter(), 0.0, []
        manner = Manner(sampling=replace(self.sampling, seed=seed))
        performance = Performance(self.voice, self.conditioning, manner, Chunks())
        for part in performance.parts(read_pieces(text, "en", None, None, "cut5")):
            first = first or time.perf_counter() - begin
            blocks.append(pcm16(part.wave).astype("<i2").tobytes())
        return Timed(first, time.perf_counter() - begin, b"".join(blocks), self.voice.facts.sample_rate)


def through_gateway(url: str, voice: str = VOICE) -> Speak:
    """Streamed samples over the public API, one connection a thread; RuntimeError when the hub refuses."""
    address, own = urlsplit(url).netloc, threading.local()

    def speak(text: str, seed: int) -> Timed:
        if not hasattr(own, "connection") or time.monotonic() - own.used > KEPT_SECONDS:
            own.connection = Connection(address, timeout=600)  # the hub closes what is idle for longer
        body = {"voice": voice, "text": text, "language": "en", "seed": seed, "format": "pcm", "answer": "stream"}
        begin, first, blocks = time.perf_counter(), 0.0, []
        headers, chunks = own.connection.post("/v1/synthesis", body)
        for chunk in chunks:
            first = first or time.perf_counter() - begin
            blocks.append(chunk)
        own.used = time.monotonic()
        return Timed(first, time.perf_counter() - begin, b"".join(blocks), int(headers["x-sample-rate"]))

    return speak


def push_nano(house: House, folder: Path) -> Pulled:
    """Publishes the shipped base's own voice as `VOICE`, and pulls it."""
    person = house.person("bench")
    prompt = folder / "prompt.wav"
    soundfile.write(prompt, 0.3 * np.sin(2 * np.pi * 150 * np.arange(4 * RATE) / RATE), RATE, subtype="PCM_16")
    base = shipped_base()
    config = json.loads((base / "base.json").read_text())["config"]
    files = [
        Part(stage, write_checkpoint(folder / name, load_file(base / f"{stage}.safetensors"), config[stage], "nano-e1"))
        for stage, name in (("s1", "s1.ckpt"), ("s2", "s2.pth"))
    ]
    card = {"languages": ["en"], "gender": "male", "age": "middle", **vars(DECLARATION),
            "prompts": [{"file": prompt.name, "text": "One two three.", "language": "en"}]}  # fmt: skip
    with Client(person.url, house.token(person), cache=folder / "cache") as client:
        parts = [(part, client.upload(part.path)) for part in (*files, Part("prompt", prompt))]
        version = client.create_version(VOICE, parts, card, DECLARATION)
        if "published" not in list(client.states(VOICE, version.id)):
            raise SystemExit(f"not published: {client.version(VOICE).findings}")
        while not client.version(VOICE).samples:  # they are spoken after it is published: that is over, then
            time.sleep(0.5)
        pulled = client.pull(VOICE)
        if pulled.missing_bases:
            raise SystemExit(f"its bases did not come along: {pulled.missing_bases}")
        encoder = ContentEncoder.load(client.cache.base(str(pulled.version.requires["content_encoder"])), 1)
    return Pulled(pulled.version.id, pulled.folder / "onnx", pulled.folder, choose(pulled.version, ""), encoder)


def at_once(clients: int, requests: int, one: Callable[[int], T]) -> tuple[list[T], float]:
    """`requests` in all by so many clients; answers what each took, and the seconds of them all."""
    begin = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(requests))), time.perf_counter() - begin


@contextmanager
def http(clients: int) -> Iterator[httpx.Client]:
    """Connections for so many clients."""
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    with httpx.Client(timeout=600, limits=limits, trust_env=False) as client:
        yield client
