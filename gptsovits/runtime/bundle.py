"""Opening an exported voice: ``bundle.json`` and one onnxruntime session per graph."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from gptsovits.config import SpectrogramConfig
from gptsovits.errors import BrokenVoice
from gptsovits.formats.digests import file_digest

FORMAT = "voicehub-onnx/1"
GRAPH_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""What onnxruntime raises; it has no common class for them."""
GRAPHS = ("quantise", "style", "s1_prefill", "s1_step", "s2")


@dataclass(frozen=True)
class VoiceFacts:
    """What ``bundle.json`` says about a voice; rates in Hz, lengths in samples at ``sample_rate``."""

    family: str
    sample_rate: int
    samples_per_token: int
    latent_channels: int
    bert_dim: int
    speaker_dim: int
    eos: int
    phones: int
    layers: int
    heads: int
    head_dim: int
    prompt_silence_samples: int
    languages: tuple[str, ...]
    spectrogram: SpectrogramConfig
    spectrogram_bins: int
    requires: Mapping[str, Any]
    token_classes: NDArray[np.int64] | None = None
    """Token class of every phone, for bases whose tokens tell their phone (:mod:`gptsovits.runtime.monotonic`)."""

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> VoiceFacts:
        """Reads the parsed ``bundle.json``."""
        if content.get("format") != FORMAT:
            raise BrokenVoice(f"The bundle is of format {content.get('format')!r}, but only {FORMAT} can be spoken.")
        try:
            return cls._read(content)
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenVoice(f"bundle.json lacks or misstates {error}; export the voice again.") from error

    @classmethod
    def _read(cls, content: Mapping[str, Any]) -> VoiceFacts:
        spectrum = content["spectrogram"]
        n_fft, rate = int(spectrum["n_fft"]), int(content["sample_rate"])
        return cls(
            family=str(content["family"]),
            sample_rate=rate,
            samples_per_token=int(content["samples_per_token"]),
            latent_channels=int(content["latent_channels"]),
            bert_dim=int(content["bert_dim"]),
            speaker_dim=int(content.get("speaker_dim", 0)),
            eos=int(content["eos"]),
            phones=int(content["phones"]),
            layers=int(content["layers"]),
            heads=int(content["heads"]),
            head_dim=int(content["head_dim"]),
            prompt_silence_samples=int(content.get("prompt_silence_samples", 0)),
            languages=tuple(content["languages"]),
            spectrogram=SpectrogramConfig(rate, n_fft, int(spectrum["hop"]), int(spectrum.get("window", n_fft))),
            spectrogram_bins=int(spectrum["bins"]),
            requires=dict(content.get("requires", {})),
            token_classes=_token_classes(content),
        )


def _token_classes(content: Mapping[str, Any]) -> NDArray[np.int64] | None:
    listed = content.get("token_classes")
    if listed is None:
        return None
    classes = np.array(listed, np.int64)
    if classes.shape != (int(content["phones"]),) or not 0 <= classes.min() <= 2 * classes.max() + 1 < content["eos"]:
        raise ValueError("token_classes")
    return classes


class Graph:
    """One session; thread-safe. Inputs that the graph does not declare are not fed."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.name = path.stem
        try:
            self.session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except GRAPH_ERRORS as error:
            message = f"{path} is no graph that onnxruntime can run; pull or export the voice again."
            raise BrokenVoice(message) from error
        self.inputs = frozenset(item.name for item in self.session.get_inputs())
        self.outputs = [item.name for item in self.session.get_outputs()]

    def run(self, **inputs: NDArray[Any] | None) -> list[NDArray[Any]]:
        """Outputs in the order of the graph."""
        fed = {name: value for name, value in inputs.items() if name in self.inputs and value is not None}
        try:
            return [np.asarray(value) for value in self.session.run(self.outputs, fed)]
        except (*GRAPH_ERRORS, ValueError) as error:
            raise BrokenVoice(
                f"The graph {self.name} refuses its inputs ({_first_line(error)}); "
                "prompt, features and voice do not belong together."
            ) from error


_OPEN: WeakValueDictionary[tuple[str, int], Graph] = WeakValueDictionary()
_OPENING = threading.Lock()


def shared_graph(path: Path, digest: str, threads: int) -> Graph:
    """The graph with this verified digest: one session for all voices that hold the same file."""
    with _OPENING:
        graph = _OPEN.get((digest, threads))
        if graph is None:
            graph = _OPEN[digest, threads] = Graph(path, threads)
        return graph


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:200]


@dataclass(frozen=True)
class Bundle:
    """An opened voice."""

    facts: VoiceFacts
    graphs: Mapping[str, Graph]

    @classmethod
    def open(cls, folder: Path, threads: int, verify: bool) -> Bundle:
        """Reads ``folder/bundle.json`` and its graphs; ``verify`` compares every file with its digest first."""
        content = read_header(folder)
        facts = VoiceFacts.from_json(content)
        paths = {name: _graph_path(folder, content, name, verify) for name in GRAPHS}
        if not verify:
            return cls(facts, {name: Graph(path, threads) for name, path in paths.items()})
        digests = {name: str(content["graphs"][name]["blake3"]) for name in GRAPHS}
        return cls(facts, {name: shared_graph(path, digests[name], threads) for name, path in paths.items()})


def read_header(folder: Path) -> dict[str, Any]:
    """The parsed ``bundle.json``."""
    path = folder / "bundle.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BrokenVoice(f"{folder} is no exported voice: it has no bundle.json; pull or export the voice.") from error
    except ValueError as error:
        raise BrokenVoice(f"{path} is not valid JSON; pull or export the voice again.") from error
    if not isinstance(content, dict):
        raise BrokenVoice(f"{path} does not describe a voice; pull or export the voice again.")
    return content


def _graph_path(folder: Path, content: Mapping[str, Any], name: str, verify: bool) -> Path:
    entry = content.get("graphs", {}).get(name)
    if not isinstance(entry, dict) or Path(str(entry.get("file", ""))).name != entry.get("file"):
        raise BrokenVoice(f"bundle.json does not name a file for the graph {name}; export the voice again.")
    path: Path = folder / entry["file"]
    if not path.is_file():
        raise BrokenVoice(f"{path} is missing; pull or export the voice again.")
    if verify and file_digest(path) != entry.get("blake3"):
        raise BrokenVoice(f"{path} is not the file that bundle.json describes (digest differs); pull the voice again.")
    return path
