"""A voice as a folder of ONNX graphs with ``bundle.json``, the input of :mod:`gptsovits.runtime`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch

from gptsovits.arch.loading import Tensors, load_s1, load_s2
from gptsovits.config import PROMPT_SILENCE, S1Config, S2Config
from gptsovits.export.agreement import token_agreement
from gptsovits.export.onnx_graph import Exported, Graph, export_graph
from gptsovits.export.precision import Precision
from gptsovits.export.voice_graphs import stage1_graphs, stage2_graphs
from gptsovits.formats.kinds import complete_config, kind_of, require_spoken
from gptsovits.whole import write_whole

FORMAT = "voicehub-onnx/1"
V2_LANGUAGES = ("zh", "en", "ja", "ko", "yue")
EXAMPLE_SEED = 20260818


def export_bundle(
    s1_tensors: Tensors,
    s1_config: Mapping[str, Any],
    s2_tensors: Tensors,
    s2_config: Mapping[str, Any],
    out: Path,
    requires: Mapping[str, Any] | None = None,
    precision: Precision = "fp32",
) -> Path:
    """Exports both stages of a v2, v2Pro or v2ProPlus voice of any size; returns ``out``.

    ``requires`` names content encoder, BERT and symbol table by digest where they are known. ``precision`` "fp16"
    halves the files, "int8" also makes the linear layers of stage 1 8 bit and fast; the bundle says what it costs.
    Raises :class:`gptsovits.errors.UnsupportedVoice` for other versions, ``BrokenVoice`` when tensors do not fit.
    """
    require_spoken(kind_of(s2_tensors, s2_config))
    completed = complete_config(s2_tensors, s2_config)
    stage1, stage2 = load_s1(s1_tensors, s1_config), load_s2(s2_tensors, completed)
    header = _header(S1Config.from_config(s1_config), S2Config.from_config(completed), requires or {})
    header["config"] = {"s1": dict(s1_config), "s2": completed}
    write_bundle(header, [*stage1_graphs(stage1), *stage2_graphs(stage2)], out, precision)
    if precision != "fp32":
        note(out, {"token_agreement": token_agreement(stage1, out)})
    return out


def write_bundle(
    header: Mapping[str, Any], graphs: Iterable[Graph], out: Path, precision: Precision = "fp32"
) -> Path:
    """Exports and compares ``graphs`` and writes ``bundle.json`` last; ``header`` is everything but ``graphs``."""
    out.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(EXAMPLE_SEED)
        exported: list[tuple[str, Exported]] = [
            (graph.name, export_graph(graph, out, _fitting(graph, precision))) for graph in graphs
        ]
    entries = {name: entry.as_json() for name, entry in exported}
    content = {**header, "format": FORMAT, "precision": precision, "graphs": entries}
    _write_header(out, content)
    return out


def note(out: Path, figures: Mapping[str, Any]) -> None:
    """Adds figures to ``bundle.json``."""
    _write_header(out, {**json.loads((out / "bundle.json").read_text(encoding="utf-8")), **figures})


def _write_header(out: Path, content: Mapping[str, Any]) -> None:
    write_whole(out / "bundle.json", json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


def _fitting(graph: Graph, precision: Precision) -> Precision:
    """Only stage 1 has its time in linear layers, and codes must be the same in every precision."""
    if graph.name == "quantise":
        return "fp32"
    return "fp16" if precision == "int8" and not graph.name.startswith("s1_") else precision


def _header(s1: S1Config, s2: S2Config, requires: Mapping[str, Any]) -> dict[str, Any]:
    spectrum = s2.spectrogram
    return {
        "family": s2.version,
        "sample_rate": spectrum.sampling_rate,
        "samples_per_token": s2.samples_per_token,
        "spectrogram": {
            "n_fft": spectrum.filter_length,
            "hop": spectrum.hop_length,
            "window": spectrum.win_length,
            "bins": s2.ref_enc_in,
        },
        "latent_channels": s2.inter_channels,
        "content_dim": s2.ssl_dim,
        "speaker_dim": s2.sv_dim if s2.speaker_verified else 0,
        "bert_dim": s1.bert_dim,
        "eos": s1.EOS,
        "layers": s1.n_layer,
        "heads": s1.head,
        "head_dim": s1.hidden_dim // s1.head,
        "phones": min(s1.phoneme_vocab_size, s2.n_symbols),
        "prompt_silence_samples": PROMPT_SILENCE,
        "languages": list(V2_LANGUAGES),
        "requires": dict(requires),
    }
