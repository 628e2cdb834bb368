"""Weights by rule instead of by file: each tensor is a hash of its name and position, so nothing has to be stored."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BLOCK = 1 << 20

ENDINGS: tuple[tuple[tuple[str, ...], float, float], ...] = (
    (("_codebook.inited",), 1.0, 0.0),
    (("_codebook.cluster_size",), 50.0, 10.0),
    (("_codebook.embed",), 0.0, 1.0),
    ((".gamma", "norm1.weight", "norm2.weight"), 1.0, 0.1),
    ((".weight_g",), 1.0, 0.2),
    ((".alpha",), 1.0, 0.2),
    (("prelu.weight",), 0.25, 0.05),
    ((".bias", ".beta", ".in_proj_bias"), 0.0, 0.05),
    (("word_embeddings.weight", "text_embedding.weight"), 0.0, 1.0),
    ((".emb_rel_k", ".emb_rel_v"), 0.0, 0.3),
)
"""Endings of names with their offset and scale; the first match counts."""


def filled(shapes: Mapping[str, tuple[int, ...]], prefix: str = "") -> dict[str, Floats]:
    """Values for every name; ``prefix`` only changes the seeds."""
    tensors = {name: fill(name, shape, prefix) for name, shape in shapes.items() if not _average(name)}
    for name in shapes:
        if _average(name):
            stem = name.removesuffix("embed_avg")
            tensors[name] = tensors[stem + "embed"] * tensors[stem + "cluster_size"][:, None]
    return {name: tensors[name] for name in shapes}


def fill(name: str, shape: tuple[int, ...], prefix: str = "") -> Floats:
    """The values of one tensor, float32."""
    count = int(np.prod(shape))
    offset, scale = range_of(name, shape, count)
    seed = zlib.crc32((prefix + name).encode())
    values = np.empty(count, np.float32)
    for first in range(0, count, BLOCK):
        last = min(first + BLOCK, count)
        values[first:last] = offset + scale * uniform(seed, first, last)
    return values.reshape(shape)


def uniform(seed: int, first: int, last: int) -> NDArray[np.float64]:
    """Numbers ``first`` to ``last`` of the sequence of ``seed``, in [-1, 1)."""
    x = np.arange(first, last, dtype=np.uint64).astype(np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed)
    x ^= x >> np.uint32(16)
    x *= np.uint32(0x85EBCA6B)
    x ^= x >> np.uint32(13)
    x *= np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return x / 2.0**31 - 1.0


def range_of(name: str, shape: tuple[int, ...], count: int) -> tuple[float, float]:
    """Offset and scale of the values of a tensor."""
    if name.startswith("discriminators.") and name.endswith(".weight_g"):
        return 1.5, 0.2
    for endings, offset, scale in ENDINGS:
        if name.endswith(endings):
            return offset, scale
    fan_in = count / shape[0]
    return 0.0, float(np.sqrt(3.0 / fan_in)) * _factor(name)


def _factor(name: str) -> float:
    factor = 4.0 if name.endswith("ar_predict_layer.weight") else 1.0
    if name in ("enc_p.proj.weight", "enc_q.proj.weight"):
        factor *= 0.35
    if name.endswith("conv_o.weight") or (".ffn_layers." in name and name.endswith("conv_2.weight")):
        factor *= 0.5
    if name == "ref_enc.fc.fc.weight":
        factor *= 0.4
    if name.startswith("model.h.layers.") and name.endswith(("self_attn.out_proj.weight", "linear2.weight")):
        factor *= 0.35
    return factor * 1.5 if name.endswith("self_attn.in_proj_weight") else factor


def _average(name: str) -> bool:
    return name.endswith("_codebook.embed_avg")
