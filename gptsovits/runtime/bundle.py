"""Opening an exported voice: ``bundle.json``, one onnxruntime session per graph, and the batcher of its stage 1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.config import SpectrogramConfig
from gptsovits.errors import BrokenVoice
from gptsovits.formats.digests import file_digest
from gptsovits.runtime.batching import ContinuousBatcher, shared_batcher
from gptsovits.runtime.graph import Device, Graph, shared_graph

FORMAT = "voicehub-onnx/1"
GRAPHS = ("quantise", "style", "s1_prefill", "s1_step", "s2")
ON_GPU = ("quantise", "style", "s2")
"""What a GPU computes when it is asked for. Stage 1 stays where its cache lies, in the memory of the process; and a GPU
does not say when a phone is none of its table's."""


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


@dataclass(frozen=True)
class Bundle:
    """A voice opened in this process; a :class:`gptsovits.runtime.engine.Engine`."""

    facts: VoiceFacts
    graphs: Mapping[str, Graph]
    stage1: ContinuousBatcher

    @classmethod
    def open(cls, folder: Path, threads: int, verify: bool, device: Device = "cpu") -> Bundle:
        """Reads ``folder/bundle.json`` and its graphs; ``verify`` compares every file with its digest first."""
        content = read_header(folder)
        facts = VoiceFacts.from_json(content)
        paths = {name: graph_path(folder, content, name, verify) for name in GRAPHS}
        where: dict[str, Device] = {name: device if name in ON_GPU else "cpu" for name in GRAPHS}
        if not verify:
            graphs = {name: Graph(path, threads, where[name]) for name, path in paths.items()}
            return cls(facts, graphs, ContinuousBatcher(graphs["s1_prefill"], graphs["s1_step"], facts.eos))
        digests = graph_digests(content)
        graphs = {name: shared_graph(path, digests[name], threads, where[name]) for name, path in paths.items()}
        return cls(facts, graphs, shared_batcher(graphs["s1_prefill"], graphs["s1_step"], facts.eos))


def graph_digests(content: Mapping[str, Any]) -> dict[str, str]:
    """BLAKE3 of every graph's file as ``bundle.json`` names it."""
    return {name: str(content["graphs"][name]["blake3"]) for name in GRAPHS}


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


def graph_path(folder: Path, content: Mapping[str, Any], name: str, verify: bool) -> Path:
    """The file of a graph; BrokenVoice if it is missing or, with ``verify``, another than the header says."""
    entry = content.get("graphs", {}).get(name)
    if not isinstance(entry, dict) or Path(str(entry.get("file", ""))).name != entry.get("file"):
        raise BrokenVoice(f"bundle.json does not name a file for the graph {name}; export the voice again.")
    path: Path = folder / entry["file"]
    if not path.is_file():
        raise BrokenVoice(f"{path} is missing; pull or export the voice again.")
    if verify and file_digest(path) != entry.get("blake3"):
        raise BrokenVoice(f"{path} is not the file that bundle.json describes (digest differs); pull the voice again.")
    return path
