"""From a version's prompt to the conditioning of the engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from gptsovits.errors import VoiceError
from gptsovits.formats.features import read_conditioning, read_prompt_features
from gptsovits.runtime.bert import BertFeatures
from gptsovits.runtime.content import ContentEncoder, resampled
from gptsovits.runtime.prompt import Conditioning, Prompt
from gptsovits.runtime.voice import Voice
from gptsovits.text import phonemize
from services.inference.domain.voices import PromptChoice


def condition(
    voice: Voice, prompt: PromptChoice, path: Path, encoder: ContentEncoder | None, bert: BertFeatures | None = None
) -> Conditioning:
    """Features and private prompts as they are; recordings through the content encoder and the text front end.

    Raises:
        VoiceError, TextError: the prompt does not fit the voice, or something it needs is missing.
    """
    if not prompt.is_audio:
        return _from_features(voice, path)
    wave, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    mono = resampled(wave.mean(axis=1, dtype=np.float32), rate, voice.facts.sample_rate)
    if not prompt.text:
        return voice.prepare(Prompt(mono))
    sequence = phonemize(prompt.text, prompt.language or "auto")
    phones = np.array(sequence.ids, np.int64)
    features = None if bert is None else bert.of_sequence(sequence)
    return voice.prepare(
        Prompt(mono, phones=phones, bert=features, text=prompt.text, language=prompt.language), encoder
    )


def _from_features(voice: Voice, path: Path) -> Conditioning:
    try:
        given = read_prompt_features(path)
    except VoiceError:
        return read_conditioning(path)
    wave = resampled(given.prompt.wave, given.sample_rate, voice.facts.sample_rate)
    return voice.prepare(replace(given.prompt, wave=wave))
