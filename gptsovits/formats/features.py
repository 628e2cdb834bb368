"""Feature files: prompts, targets, noise and private conditioning as ``.safetensors``.

=============  ====================================================================================
file           tensors
=============  ====================================================================================
prompt         ``reference_wave (L,)`` float32 at metadata ``sample_rate``; ``ssl (1, C, T)`` float32 at 50 Hz;
               ``phones (N,)`` int64; optional ``bert (D, N)`` float32; optional ``sv_emb (1, 20480)``
               float32 (v2Pro, v2ProPlus)
target         ``phones (N,)`` int64; optional ``bert (D, N)`` float32; optional ``noise (1, C, F)`` float32
conditioning   ``ge (1, G, 1)``, ``codes (P,)``, ``phones (N,)``, ``bert (D, N)``: a private prompt
=============  ====================================================================================

Metadata: ``format`` = ``voicehub-features/1``, ``kind``, and for prompts ``sample_rate``, ``text``, ``language``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from gptsovits.errors import VoiceError
from gptsovits.runtime.prompt import Conditioning, Prompt
from gptsovits.runtime.sampling import Floats, Tokens
from gptsovits.whole import replacing

FORMAT = "voicehub-features/1"
MAX_TARGET_PHONES = 4096
SPEAKER_DIM = 20480
PROMPT_TENSORS = ("reference_wave", "ssl", "phones", "bert", "sv_emb")
PROMPT_LABELS = ("sample_rate", "text", "language")
CONDITIONING_TENSORS = ("ge", "codes", "phones", "bert")


@dataclass(frozen=True)
class PromptFeatures:
    """A prompt and the sample rate of its wave in Hz."""

    prompt: Prompt
    sample_rate: int


@dataclass(frozen=True)
class TargetFeatures:
    """What is to be said: ``phones (N,)``, ``bert (D, N)`` or None, and recorded ``noise (1, C, F)`` or None."""

    phones: Tokens
    bert: Floats | None
    noise: Floats | None


def write_prompt_features(path: Path, prompt: Prompt, sample_rate: int = 32000) -> Path:
    """Writes a prompt file."""
    values = (prompt.wave, prompt.features, prompt.phones, prompt.bert, prompt.speaker)
    tensors = dict(zip(PROMPT_TENSORS, values, strict=True))
    labels = dict(zip(PROMPT_LABELS, (str(sample_rate), prompt.text, prompt.language), strict=True))
    return _write(path, "prompt", tensors, labels)


def read_prompt_features(path: Path) -> PromptFeatures:
    """Reads and checks a prompt file."""
    tensors, labels = _read(path, "prompt")
    wave = _floats(path, tensors, "reference_wave", (None,))
    ssl, phones = _floats(path, tensors, "ssl", (1, None, None)), _ids(path, tensors)
    bert = _optional(path, tensors, "bert", (None, len(phones)))
    speaker = _optional(path, tensors, "sv_emb", (1, SPEAKER_DIM))
    prompt = Prompt(
        wave, features=ssl, phones=phones, bert=bert, speaker=speaker,
        text=labels.get("text", ""), language=labels.get("language", ""),
    )  # fmt: skip
    rate = labels.get("sample_rate", "")
    if not rate.isdecimal() or not 8000 <= int(rate) <= 192000:
        raise VoiceError(f"{path} does not say the sample rate of its wave; write it again with `sample_rate` in Hz.")
    return PromptFeatures(prompt, int(rate))


def write_target_features(path: Path, target: TargetFeatures) -> Path:
    """Writes a target file."""
    return _write(path, "target", {"phones": target.phones, "bert": target.bert, "noise": target.noise}, {})


def read_target_features(path: Path) -> TargetFeatures:
    """Reads and checks a target file."""
    tensors, _ = _read(path, "target")
    phones = _ids(path, tensors)
    if len(phones) > MAX_TARGET_PHONES:
        raise VoiceError(f"{path} has more than {MAX_TARGET_PHONES} phones; cut the text into sentences.")
    bert = _optional(path, tensors, "bert", (None, len(phones)))
    return TargetFeatures(phones, bert, _optional(path, tensors, "noise", (1, None, None)))


def write_conditioning(path: Path, conditioning: Conditioning) -> Path:
    """Writes a private prompt: no audio, no text."""
    tensors = {name: getattr(conditioning, name) for name in CONDITIONING_TENSORS}
    return _write(path, "conditioning", tensors, {})


def read_conditioning(path: Path) -> Conditioning:
    """Reads and checks a private prompt."""
    tensors, _ = _read(path, "conditioning")
    phones, codes = _ids(path, tensors, empty=True), _ids(path, tensors, "codes", empty=True)
    ge = _floats(path, tensors, "ge", (1, None, 1))
    return Conditioning(ge, codes, phones, _floats(path, tensors, "bert", (None, len(phones))))


def _write(
    path: Path, kind: str, tensors: Mapping[str, NDArray[Any] | None], labels: Mapping[str, str]
) -> Path:
    given = {name: np.ascontiguousarray(value) for name, value in tensors.items() if value is not None}
    with replacing(path) as beside:
        save_file(given, beside, {"format": FORMAT, "kind": kind, **labels})
    return path


def _read(path: Path, kind: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    try:
        with safe_open(path, framework="numpy") as file:
            labels = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (OSError, SafetensorError, TypeError, AttributeError) as error:
        raise VoiceError(f"{path} cannot be read as a safetensors file ({error}); write it again.") from error
    if labels.get("format") != FORMAT or labels.get("kind") != kind:
        raise VoiceError(f"{path} is no {kind} feature file ({FORMAT}); see the documentation of feature files.")
    return tensors, labels


def _floats(
    path: Path, tensors: Mapping[str, NDArray[Any]], name: str, shape: tuple[int | None, ...]
) -> Floats:
    value = tensors.get(name)
    if value is None:
        raise VoiceError(f"{path} lacks the tensor {name}; write the file again with it.")
    fits = value.ndim == len(shape) and all(want in (None, have) for want, have in zip(shape, value.shape, strict=True))
    if not fits or value.dtype != np.float32 or not np.isfinite(value).all():
        wanted = ", ".join("any" if extent is None else str(extent) for extent in shape)
        raise VoiceError(f"{path}: {name} must be finite float32 ({wanted}), but is {value.dtype} {value.shape}.")
    return value


def _optional(
    path: Path, tensors: Mapping[str, NDArray[Any]], name: str, shape: tuple[int | None, ...]
) -> Floats | None:
    return _floats(path, tensors, name, shape) if name in tensors else None


def _ids(path: Path, tensors: Mapping[str, NDArray[Any]], name: str = "phones", empty: bool = False) -> Tokens:
    value = tensors.get(name)
    good = value is not None and value.ndim == 1 and value.dtype == np.int64 and (empty or value.size > 0)
    if value is None or not good or (value.size and int(value.min()) < 0):
        raise VoiceError(f"{path}: {name} must be a row of int64 ids, at least one and none negative.")
    return np.asarray(value, np.int64)
