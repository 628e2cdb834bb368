"""Where voices are computed, chosen by one URL: `onnxruntime://[?device=cuda]` in this process, `triton://host:port/repository`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, get_args
from urllib.parse import parse_qsl, urlsplit

from gptsovits.errors import VoiceError
from gptsovits.runtime.bundle import Bundle, graph_digests, read_header
from gptsovits.runtime.engine import Engine
from gptsovits.runtime.graph import Device, require

DEFAULT_MEMORY_MB = 4096


@dataclass(frozen=True)
class Opened:
    """An engine that speaks one voice.

    Attributes:
        sizes: bytes of what it keeps loaded, by digest: what voices share is counted once.
        close: lets go of it; nobody may speak with it any more.
    """

    engine: Engine
    sizes: Mapping[str, int]
    close: Callable[[], None]


class Engines(Protocol):
    """Opens voices. Thread-safe."""

    def open(self, folder: Path) -> Opened:
        """Opens an exported voice; the folder stays as long as it is open.

        Raises:
            VoiceError: it is no voice that can be spoken.
            Unavailable: the engine is away.
        """


class InProcess:
    """onnxruntime here; on a GPU, if one is asked for, the graphs that are called once."""

    def __init__(self, device: Device = "cpu") -> None:
        self._device = device

    def open(self, folder: Path) -> Opened:
        """See `Engines`."""
        bundle = Bundle.open(folder, threads=1, verify=True, device=self._device)
        header = read_header(folder)
        sizes = {d: (folder / header["graphs"][n]["file"]).stat().st_size for n, d in graph_digests(header).items()}
        return Opened(bundle, sizes, lambda: None)  # sessions go with the last who speaks


def open_engines(url: str) -> Engines:
    """The engines of VOICEHUB_INFERENCE_URL; ValueError for an unknown one."""
    parts = urlsplit(url)
    if parts.scheme == "onnxruntime":
        return InProcess(_device(url))
    if parts.scheme == "triton":
        # late: a hub without Triton needs no client of it
        from services.inference.triton.engine import TritonEngines

        return TritonEngines.of_url(url)
    raise ValueError(f"VOICEHUB_INFERENCE_URL is {url!r}, but must be onnxruntime:// or triton://host:port/repository")


def _device(url: str) -> Device:
    """`?device=` of the URL; whether the GPU is there is said before a hub starts on it, not by its first listener."""
    named = _options(url).get("device", "cpu")
    if named not in get_args(Device):
        raise ValueError(f"VOICEHUB_INFERENCE_URL has device={named}, but must have {' or '.join(get_args(Device))}")
    device: Device = "cuda" if named == "cuda" else "cpu"
    try:
        require(device)
    except VoiceError as error:
        raise ValueError(f"VOICEHUB_INFERENCE_URL is {url}. {error}") from error
    return device


def memory_budget(url: str) -> int:
    """Bytes of graphs that may be loaded: `?memory_mb=` of the URL."""
    return int(_options(url).get("memory_mb", DEFAULT_MEMORY_MB)) << 20


def _options(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))
