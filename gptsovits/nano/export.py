"""A nano voice as an ONNX bundle, and the nano content encoder as part of a base."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from gptsovits.errors import BrokenVoice
from gptsovits.export.bundle import write_bundle
from gptsovits.export.onnx_graph import Graph, export_graph
from gptsovits.export.voice_graphs import stage1_graphs
from gptsovits.formats.digests import file_digest
from gptsovits.nano.base import FACTS_FILE, NanoVoice, load_base, voice_of
from gptsovits.nano.config import FFT_SIZE, HOP, SAMPLE_RATE, SAMPLES_PER_TOKEN, WINDOW
from gptsovits.nano.speaking import SAMPLING
from gptsovits.nano.synthesizer import NOISE_CHANNELS, NanoSynthesizer
from gptsovits.whole import replacing, write_whole

BINS = FFT_SIZE // 2 + 1
CONTENT_FILE = "content.onnx"
_HALVED_ABOVE = 256
"""Weights with more numbers than this are stored in half precision in ``content.onnx``."""
DECODER_SLACK = 10.0
"""The pulses of the vocoder follow an accumulated phase. Over 60 sets of inputs torch in float32 is up to 4e-4 from
itself in float64, and this graph up to 2e-4 from torch (at least 67 dB below the speech)."""


class _Quantise(nn.Module):
    def __init__(self, network: NanoSynthesizer) -> None:
        super().__init__()
        self.network = network

    def forward(self, features: Tensor) -> Tensor:
        return self.network.quantise(features)


class _Style(_Quantise):
    def forward(self, spectrogram: Tensor) -> Tensor:
        return self.network.style(spectrogram)


class _Decode(_Quantise):
    def forward(  # type: ignore[override]
        self, codes: Tensor, phones: Tensor, ge: Tensor, noise: Tensor, noise_scale: Tensor
    ) -> Tensor:
        return self.network.decode(codes, phones, ge, noise, noise_scale)


def export_bundle(
    s1_tensors: Mapping[str, Any],
    s1_config: Mapping[str, Any],
    s2_tensors: Mapping[str, Any],
    s2_config: Mapping[str, Any],
    out: Path,
    requires: Mapping[str, Any] | None = None,
) -> Path:
    """Exports both stages of a nano voice (tensors by name), compares every graph with torch, and returns ``out``.

    Raises :class:`gptsovits.errors.BrokenVoice` when the tensors do not fit the configuration.
    """
    try:
        voice = voice_of(_tensors(s1_tensors), dict(s1_config), _tensors(s2_tensors), dict(s2_config))
    except RuntimeError as error:
        raise BrokenVoice(f"The weights do not fit the nano configuration: {str(error).splitlines()[-1]}") from error
    header = _header(voice, requires or {})
    return write_bundle(header, [*stage1_graphs(voice.s1), *_stage2_graphs(voice.s2)], out)


def export_content(base: Path) -> None:
    """Writes ``content.onnx`` of a base folder, in half precision, and its facts into ``base.json``."""
    loaded = load_base(base)
    inputs = {"wave": torch.randn(1, SAMPLE_RATE) * 0.1}
    other = {"wave": torch.randn(1, 20333) * 0.1}
    dynamic = {"wave": {1: "samples"}, "features": {2: "frames"}}
    graph = Graph("content", loaded.content, inputs, ("features",), other, dynamic)
    exported = export_graph(graph, base)
    path = base / CONTENT_FILE
    _halve(path)
    facts = {
        **loaded.facts,
        "kind": "content_encoder",
        "feature_dim": loaded.voice.s2.config.content_dim,
        "sample_rate": SAMPLE_RATE,
        "digest": file_digest(path),
        "graph": {**exported.as_json(), "blake3": file_digest(path), "bytes": path.stat().st_size},
    }
    content = json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False)
    write_whole(base / FACTS_FILE, content + "\n")


def _tensors(named: Mapping[str, Any]) -> dict[str, Tensor]:
    return {
        name: value if isinstance(value, Tensor) else torch.from_numpy(np.ascontiguousarray(value))
        for name, value in named.items()
    }


def _header(voice: NanoVoice, requires: Mapping[str, Any]) -> dict[str, Any]:
    s1, s2 = voice.s1.config, voice.s2.config
    classes = voice.s2.token_classes()
    return {
        "family": "nano",
        "sample_rate": SAMPLE_RATE,
        "samples_per_token": SAMPLES_PER_TOKEN,
        "spectrogram": {"n_fft": FFT_SIZE, "hop": HOP, "window": WINDOW, "bins": BINS},
        "latent_channels": NOISE_CHANNELS,
        "content_dim": s2.content_dim,
        "speaker_dim": 0,
        "bert_dim": 0,
        "eos": s1.EOS,
        "layers": s1.n_layer,
        "heads": s1.head,
        "head_dim": s1.hidden_dim // s1.head,
        "phones": s2.n_symbols,
        **({} if classes is None else {"token_classes": classes.tolist()}),
        "prompt_silence_samples": 0,
        "languages": ["en"],
        "sampling": {name: getattr(SAMPLING, name) for name in ("top_k", "top_p", "temperature", "repetition_penalty")},
        "requires": dict(requires),
        "config": {"s1": voice.s1_config, "s2": {**voice.s2_config, "model": asdict(s2)}},
    }


def _stage2_graphs(network: NanoSynthesizer) -> list[Graph]:
    dim = network.config.content_dim
    return [
        Graph(
            "quantise", _Quantise(network), {"features": torch.randn(1, dim, 12)}, ("codes",),
            {"features": torch.randn(1, dim, 31)}, {"features": {2: "frames"}, "codes": {1: "tokens"}},
        ),
        Graph(
            "style", _Style(network), {"spectrogram": torch.rand(1, BINS, 40)}, ("ge",),
            {"spectrogram": torch.rand(1, BINS, 67)}, {"spectrogram": {2: "frames"}},
        ),
        _decode_graph(network),
    ]  # fmt: skip


def _decode_graph(network: NanoSynthesizer) -> Graph:
    config = network.config

    def inputs(tokens: int, phones: int, frames: int) -> dict[str, Tensor]:
        return {
            "codes": torch.randint(0, config.codebook_size, (1, tokens)),
            "phones": torch.randint(0, config.n_symbols, (1, phones)),
            "ge": torch.randn(1, config.gin_channels, 1) * 0.3,
            "noise": torch.randn(1, NOISE_CHANNELS, frames),
            "noise_scale": torch.tensor([0.5]),
        }

    dynamic = {"codes": {1: "tokens"}, "phones": {1: "phones"}, "noise": {2: "frames"}, "wave": {2: "samples"}}
    return Graph("s2", _Decode(network), inputs(16, 9, 32), ("wave",), inputs(9, 5, 15), dynamic, DECODER_SLACK)


def _halve(path: Path) -> None:
    """Stores large weights as float16 and widens them when the graph is loaded."""
    model = onnx.load(str(path))
    widened = []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > _HALVED_ABOVE:
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), name + ".half"))
            widened.append(helper.make_node("Cast", [name + ".half"], [name], to=TensorProto.FLOAT))
    for node in reversed(widened):
        model.graph.node.insert(0, node)
    with replacing(path) as beside:
        onnx.save(model, str(beside))
