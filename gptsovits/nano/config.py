"""Sizes of the nano networks and the layout of their configuration dictionaries (no torch here)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from gptsovits.config import S1Config
from gptsovits.nano.phones import TOKEN_COUNT

SAMPLE_RATE = 16000
HOP = 160
FFT_SIZE = 512
WINDOW = 400
MEL_BANDS = 80
SAMPLES_PER_TOKEN = 640
FRAMES_PER_TOKEN = SAMPLES_PER_TOKEN // HOP
FRAMES_PER_SECOND = SAMPLE_RATE // HOP


@dataclass(frozen=True)
class NanoConfig:
    """Sizes of the content encoder and of stage 2. The defaults are those of the shipped base."""

    content_dim: int = 192
    content_layers: int = 5
    codebook_size: int = TOKEN_COUNT
    gin_channels: int = 128
    hidden: int = 256
    token_layers: int = 3
    frame_layers: int = 5
    text_dim: int = 128
    n_symbols: int = 732
    ref_hidden: int = 128
    dec_hidden: int = 192
    dec_layers: int = 5
    version: str = "nano"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> NanoConfig:
        """Reads the ``model`` section of a nano configuration; unknown keys are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in config["model"].items() if name in known})

    def to_config(self) -> dict[str, Any]:
        """The dictionary that travels with the weights, in the form of a published stage-2 configuration."""
        data = {
            "sampling_rate": SAMPLE_RATE,
            "filter_length": FFT_SIZE,
            "hop_length": HOP,
            "win_length": WINDOW,
            "n_mel_channels": MEL_BANDS,
        }
        return {"model": asdict(self), "data": data}


def nano_s1_config(codebook_size: int = TOKEN_COUNT, n_symbols: int = 732) -> S1Config:
    """Stage 1 at nano size: the same class as the published one, without BERT features."""
    return S1Config(
        vocab_size=codebook_size + 1,
        phoneme_vocab_size=n_symbols,
        embedding_dim=224,
        hidden_dim=224,
        head=4,
        n_layer=4,
        EOS=codebook_size,
        bert_dim=0,
    )
