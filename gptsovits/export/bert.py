"""A BERT as ``bert.onnx`` with its vocabulary and ``base.json``, the input of the runtime's BertFeatures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from gptsovits.arch.bert import load_bert_network
from gptsovits.errors import BrokenVoice
from gptsovits.export.onnx_graph import Graph, export_graph
from gptsovits.runtime.bert import vocabulary_words
from gptsovits.whole import write_whole

VOCABULARY = "vocab.txt"


def export_bert(model_dir: Path, out: Path, description: Mapping[str, Any] | None = None) -> Path:
    """Exports the BERT in ``model_dir`` with its vocabulary (``vocab.txt`` or ``tokenizer.json``); half precision."""
    network = load_bert_network(model_dir)
    size = int(network.model.config.vocab_size)
    graph = Graph(
        "bert",
        network,
        {"ids": torch.randint(size, (1, 9))},
        ("features",),
        {"ids": torch.randint(size, (1, 23))},
        {"ids": {1: "characters"}, "features": {0: "rows"}},
    )
    out.mkdir(parents=True, exist_ok=True)
    _write_vocabulary(model_dir, out / VOCABULARY, size)
    exported = export_graph(graph, out, "fp16")
    content = {
        "name": "bert", **(description or {}), "kind": "bert", "feature_dim": network.feature_dim,
        "graph": exported.as_json(),
    }  # fmt: skip
    write_whole(out / "base.json", json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    return out


def _write_vocabulary(source: Path, target: Path, size: int) -> None:
    if (source / VOCABULARY).is_file():
        write_whole(target, (source / VOCABULARY).read_bytes())
    elif (source / "tokenizer.json").is_file():
        known = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        write_whole(target, "".join(f"{word}\n" for word in sorted(known, key=known.__getitem__)))
    else:
        raise BrokenVoice(f"{source} has no vocabulary; it needs vocab.txt or tokenizer.json.")
    words = len(vocabulary_words(target))
    if words > size:
        raise BrokenVoice(f"{source} has {words} words, but its BERT knows only {size}; they do not belong together.")
