"""The clips of the table: the voice, the base with the same prompt, and a control with shuffled tokens."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gptsovits.runtime.label import labelled_wav
from gptsovits.text import phonemize
from tools.demo.judging import Spoken
from voicehub.cache import Cache
from voicehub.names import parse_name
from voicehub.saying import Speaker

SEED = 20
THREADS = os.cpu_count() or 1
OnClip = Callable[[float], None]


@dataclass(frozen=True)
class Booth:
    """A pulled voice and the folder its clips go to."""

    cache: Cache
    voice: str
    folder: Path

    def speak(self, sentences: Sequence[str], on_clip: OnClip) -> list[Spoken]:
        """Each sentence with a seed of its own, as `voicehub say` does it."""
        speaker = Speaker(self.cache, parse_name(self.voice), threads=THREADS)
        spoken = []
        for number, text in enumerate(sentences):
            said = speaker.say(text, "en", seed=SEED + number)
            wav = labelled_wav(said.wave, said.sample_rate, self.voice)
            spoken.append(self._keep(number, text, wav, said.tokens))
            on_clip((number + 1) / len(sentences))
        return spoken

    def speak_shuffled(self, said: Sequence[Spoken], on_clip: OnClip) -> list[Spoken]:
        """The clips of `speak` with their semantic tokens in disorder: what intelligibility must not survive."""
        speaker = Speaker(self.cache, parse_name(self.voice), threads=THREADS)
        spoken = []
        for number, one in enumerate(said):
            tokens = np.random.default_rng(number).permutation(np.array(one.tokens, np.int64))
            phones = np.array(phonemize(one.text, "en").ids, np.int64)
            wave = speaker.decode(tokens, phones, seed=SEED)
            wav = labelled_wav(wave, speaker.sample_rate, self.voice)
            spoken.append(self._keep(number, one.text, wav, tuple(map(int, tokens))))
            on_clip((number + 1) / len(said))
        return spoken

    def _keep(self, number: int, text: str, wav: bytes, tokens: tuple[int, ...]) -> Spoken:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{number:02d}.wav"
        path.write_bytes(wav)
        return Spoken(text, path, tokens)
