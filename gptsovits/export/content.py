"""A content encoder as ``content.onnx`` with ``base.json``, the input of the runtime's ContentEncoder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gptsovits.arch.content import load_content_network
from gptsovits.export.onnx_graph import Graph, export_graph
from gptsovits.whole import write_whole

CONTENT_RATE = 16000


def export_content_encoder(model_dir: Path, out: Path, description: Mapping[str, Any] | None = None) -> Path:
    """Exports the HuBERT in ``model_dir``; ``description`` adds name, licence, languages and notes to ``base.json``."""
    network = load_content_network(Path(model_dir))
    graph = Graph(
        "content",
        network,
        {"wave": torch.randn(1, CONTENT_RATE) * 0.1},
        ("features",),
        {"wave": torch.randn(1, 20333) * 0.1},
        {"wave": {1: "samples"}, "features": {2: "frames"}},
    )
    return write_content_base(graph, network.feature_dim, out, {"family": "v2", **(description or {})})


def write_content_base(graph: Graph, feature_dim: int, out: Path, description: Mapping[str, Any]) -> Path:
    """Exports ``graph`` (input ``wave``, output ``features``) and describes it; returns ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    exported = export_graph(graph, out)
    content = {
        "name": "content-encoder",
        **description,
        "kind": "content_encoder",
        "feature_dim": feature_dim,
        "sample_rate": CONTENT_RATE,
        "digest": exported.blake3,
        "graph": exported.as_json(),
    }
    write_whole(out / "base.json", json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return out
