"""Choosing among checkpoints of a fine-tune: similarity to the speaker and intelligibility together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from gptsovits.finetune.align import Clip
from gptsovits.finetune.settings import Candidate
from gptsovits.judge.intelligibility import Listener, pooled
from gptsovits.judge.sentences import DEVELOPMENT_SENTENCES
from gptsovits.judge.similarity import embedding, similarity
from gptsovits.nano.base import NanoBase, NanoVoice
from gptsovits.nano.speaking import condition, decode, tokens_of
from gptsovits.text import phonemize

_PROMPT_SECONDS = (2.5, 7.0)


def prompt_of(clips: Sequence[Clip]) -> Clip:
    """The clip best suited as a prompt: of middling length."""
    middle = float(np.mean(_PROMPT_SECONDS))
    return min(clips, key=lambda clip: abs(clip.seconds - middle))


class Chooser:
    """Judges checkpoints on the same sentences, spoken after the same prompt."""

    def __init__(self, base: NanoBase, clips: Sequence[Clip], sentences: int, seed: int) -> None:
        self._base, self._seed = base, seed
        self._prompt = prompt_of(clips)
        self._texts = DEVELOPMENT_SENTENCES[:sentences]
        self._listener = Listener()
        self._speaker = embedding(np.concatenate([clip.wave for clip in clips]))

    def judge(self, voice: NanoVoice, share: float) -> Candidate:
        """Both figures of ``voice`` as it is now."""
        was_training = voice.s2.training
        voice.s1.eval()
        voice.s2.eval()
        prompt = condition(self._base, voice, self._prompt.wave, self._prompt.text, self._prompt.language)
        waves, errors = [], []
        for number, text in enumerate(self._texts):
            phones = torch.tensor(phonemize(text, "en").ids)
            tokens = tokens_of(voice, phones, prompt, self._seed + number)
            waves.append(decode(voice, tokens, phones, prompt.ge, self._seed))
            errors.append(self._listener.judge(waves[-1], text))
        voice.s1.train(was_training)
        voice.s2.train(was_training)
        return Candidate(share, similarity(embedding(np.concatenate(waves)), self._speaker), pooled(errors))
