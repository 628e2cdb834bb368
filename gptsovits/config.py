"""Sizes of both stages, read from the configuration that a checkpoint carries (no torch here).

Field names follow the published configuration files, so that ``from_config`` is a plain selection of keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

PROMPT_SILENCE = 9600
"""Zeros at 16 kHz after a prompt: 0.6 s, with which published voices were tuned."""


@dataclass(frozen=True)
class S1Config:
    """Stage 1, text to semantic tokens. The defaults are the published v2 sizes."""

    vocab_size: int = 1025
    phoneme_vocab_size: int = 732
    embedding_dim: int = 512
    hidden_dim: int = 512
    head: int = 16
    n_layer: int = 24
    EOS: int = 1024
    dropout: float = 0.0
    """Dropout of the audio and phone embeddings only."""
    layer_dropout: float = 0.1
    """Dropout inside the layers and after the positions; fixed at 0.1 in the published model."""
    bert_dim: int = 1024
    """Width of the BERT features; 0 means that the network has no such input."""

    def __post_init__(self) -> None:
        if self.vocab_size - 1 != self.EOS:
            raise ValueError(f"EOS is {self.EOS}, but must be the last entry of a vocabulary of {self.vocab_size}")
        if self.hidden_dim % self.head or self.hidden_dim != self.embedding_dim:
            raise ValueError("hidden_dim must equal embedding_dim and be a multiple of head")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> S1Config:
        """Reads the ``model`` section of a stage-1 checkpoint's configuration."""
        return cls(**_known_fields(cls, config["model"]))


@dataclass(frozen=True)
class SpectrogramConfig:
    """Linear spectrogram of the reference and of training clips; sizes in samples."""

    sampling_rate: int = 32000
    filter_length: int = 2048
    hop_length: int = 640
    win_length: int = 2048
    n_mel_channels: int = 128
    mel_fmin: float = 0.0
    mel_fmax: float | None = None

    @property
    def bins(self) -> int:
        """Number of frequency bins of the one-sided spectrum."""
        return self.filter_length // 2 + 1


@dataclass(frozen=True)
class S2Config:
    """Stage 2, semantic tokens to wave. The defaults are the published v2 sizes."""

    inter_channels: int = 192
    hidden_channels: int = 192
    filter_channels: int = 768
    n_heads: int = 2
    n_layers: int = 6
    kernel_size: int = 3
    p_dropout: float = 0.1
    resblock: str = "1"
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    upsample_rates: tuple[int, ...] = (10, 8, 2, 2, 2)
    upsample_initial_channel: int = 512
    upsample_kernel_sizes: tuple[int, ...] = (16, 16, 8, 2, 2)
    gin_channels: int = 512
    version: str = "v2"
    freeze_quantizer: bool = True
    ssl_dim: int = 768
    codebook_size: int = 1024
    mrte_hidden: int = 512
    mrte_heads: int = 4
    ref_enc_in: int = 704
    ref_enc_hidden: int = 128
    enc_q_layers: int = 16
    flow_n_flows: int = 4
    flow_wn_layers: int = 4
    n_symbols: int = 732
    sv_dim: int = 20480
    segment_size: int = 20480
    spectrogram: SpectrogramConfig = SpectrogramConfig()

    @property
    def speaker_verified(self) -> bool:
        """Whether the timbre also rests on a speaker-verification embedding (v2Pro, v2ProPlus)."""
        return self.version in ("v2Pro", "v2ProPlus")

    @property
    def samples_per_token(self) -> int:
        """One semantic token (25 Hz) covers two spectrogram frames."""
        return 2 * self.spectrogram.hop_length

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> S2Config:
        """Reads the ``model``, ``ext``, ``data`` and ``train`` sections of a stage-2 configuration."""
        chosen = _known_fields(cls, {**config["model"], **(config.get("ext") or {})})
        segment = config.get("train", {}).get("segment_size", cls.segment_size)
        spectrogram = SpectrogramConfig(**_known_fields(SpectrogramConfig, config["data"]))
        return cls(**{**chosen, "segment_size": segment, "spectrogram": spectrogram})


def _known_fields(kind: type[Any], section: Mapping[str, Any]) -> dict[str, Any]:
    """Selects the keys that ``kind`` knows; lists become tuples so that the value stays hashable."""
    names = {field.name for field in fields(kind)}
    return {key: _frozen(value) for key, value in section.items() if key in names}


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
