"""Inside, behind both walls: loads an export, speaks a few tokens, and sends what it saw."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.fft  # loaded on first use otherwise, which is behind the walls
import numpy.random
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors

from gptsovits.errors import VoiceError
from gptsovits.formats.prompt_files import prompt_files
from gptsovits.runtime.conditioning import condition
from gptsovits.runtime.prompt import Conditioning
from gptsovits.runtime.sampling import Floats, Sampling
from gptsovits.runtime.voice import Voice
from services.scanner.sandbox.channel import Channel

TARGET_PHONES = 12
TOKENS = 25
SILENCE = 1e-4
_SEED = 7
_BROKEN = (
    VoiceError,
    ValueError,
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.RuntimeException,
)


def main(argument: Mapping[str, Any], channel: Channel) -> None:
    """Sends one frame `observed`."""
    root = Path(argument["root"])
    try:
        wave, rate, tokens = _speak(root)
    except _BROKEN as error:
        channel.send({"kind": "observed", "values": {"broken": str(error)[:300]}})
        return
    finite = bool(np.isfinite(wave).all())
    level = float(np.sqrt(np.mean(np.square(np.nan_to_num(wave))))) if wave.size else 0.0
    values = {
        "tokens": tokens,
        "audio_seconds": round(wave.size / rate, 3),
        "not_finite": not finite,
        "silent": finite and level < SILENCE,
        "level": round(min(level, 1e6), 6),
    }
    channel.send({"kind": "observed", "values": values})


def _speak(root: Path) -> tuple[Floats, int, int]:
    voice = Voice.load(root / "bundle")
    conditioning = _conditioning(voice, root / "files")
    phones = np.arange(1, 1 + TARGET_PHONES, dtype=np.int64)
    sampling = Sampling(early_stop=TOKENS, seed=_SEED)
    tokens = voice.generate_tokens(phones, None, conditioning, sampling)
    if len(tokens) == 0:
        return np.zeros(0, np.float32), voice.facts.sample_rate, 0
    return voice.decode(tokens, phones, conditioning.ge, seed=_SEED), voice.facts.sample_rate, len(tokens)


def _conditioning(voice: Voice, files: Path) -> Conditioning:
    """From the first prompt; of a recording the timbre only, because content encoders are not in here."""
    paths = [path.relative_to(files).as_posix() for path in sorted(files.rglob("*"))]
    speaker = np.zeros((1, voice.facts.speaker_dim), np.float32) if voice.facts.speaker_dim else None
    for prompt in prompt_files(paths, ()):
        return condition(voice, prompt, files, speaker=speaker)
    raise VoiceError("The version has no prompt to speak with.")
