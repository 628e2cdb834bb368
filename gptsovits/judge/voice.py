"""Judging a nano voice on the fixed sentences: word errors beside a shuffled control, similarity, predicted opinion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from gptsovits.finetune.align import Clip
from gptsovits.judge.intelligibility import Listener, pooled
from gptsovits.judge.intervals import Interval, interval
from gptsovits.judge.opinion import mean_overall
from gptsovits.judge.similarity import embedding, similarities
from gptsovits.nano.base import NanoBase, NanoVoice
from gptsovits.nano.speaking import condition, decode, tokens_of
from gptsovits.text import phonemize

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Judgement:
    """``similarity`` compares each sentence with ``reference_seconds`` of the speaker's recording.

    ``shuffled_word_error_rate`` is the control: the same tokens in random order.
    """

    sentences: int
    word_error_rate: float
    shuffled_word_error_rate: float
    similarities: tuple[float, ...]
    similarity: Interval
    opinion: float
    reference_seconds: float


def judge_voice(
    base: NanoBase, voice: NanoVoice, prompt: Clip, recording: Floats, texts: Sequence[str], seed: int = 0
) -> Judgement:
    """Speaks ``texts`` after ``prompt`` and judges; ``recording`` is 16 kHz speech of the wanted speaker."""
    conditioning = condition(base, voice, prompt.wave, prompt.text, prompt.language)
    listener, shuffle = Listener(), np.random.default_rng(seed)
    waves, errors, control = [], [], []
    for number, text in enumerate(texts):
        phones = torch.tensor(phonemize(text, "en").ids)
        tokens = tokens_of(voice, phones, conditioning, seed + number)
        waves.append(decode(voice, tokens, phones, conditioning.ge, seed))
        errors.append(listener.judge(waves[-1], text))
        mixed = tokens[torch.from_numpy(shuffle.permutation(len(tokens)))]
        control.append(listener.judge(decode(voice, mixed, phones, conditioning.ge, seed), text))
    alike = similarities(waves, embedding(recording))
    return Judgement(
        sentences=len(texts),
        word_error_rate=pooled(errors),
        shuffled_word_error_rate=pooled(control),
        similarities=tuple(alike),
        similarity=interval(alike),
        opinion=mean_overall(waves),
        reference_seconds=len(recording) / 16000,
    )
