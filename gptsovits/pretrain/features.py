"""Training features of corpus clips: log-mel, pitch, phone classes, phone ids and the level-normalised wave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from gptsovits.corpus import store
from gptsovits.nano.config import FRAMES_PER_SECOND, FRAMES_PER_TOKEN, HOP
from gptsovits.nano.phones import SILENCE_CLASS, phone_class
from gptsovits.nano.spectral import LogMel, Spectrogram
from gptsovits.nano.timing import CrowdedError, stretch_of_tokens, tokens_of_stretches, without_gaps
from gptsovits.text.symbols import phone_ids

SPEECH_LEVEL = 0.08
"""Root mean square of the loud part of every training wave."""


@dataclass(frozen=True)
class Features:
    """One clip of T frames of 10 ms, T a multiple of 4; ``mel`` is float16, ``pitch`` in Hz, ``wave`` of T * 160.

    ``tokens (T // 4,)`` say it, and ``owners (T // 4,)`` is the index in ``phones`` of the phone (or mark) of each.
    """

    speaker: int
    text: str
    phones: Tensor
    mel: Tensor
    pitch: Tensor
    classes: Tensor
    wave: Tensor
    tokens: Tensor
    owners: Tensor

    @property
    def frames(self) -> int:
        """Number of 10 ms frames."""
        return int(self.mel.shape[0])


def normalised(wave: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """``wave`` scaled so that its frames within 25 dB of the loudest average to SPEECH_LEVEL."""
    usable = wave[: len(wave) // HOP * HOP]
    power = np.square(usable.reshape(-1, HOP)).mean(1)
    loud = power[power > power.max() * 10**-2.5]
    return (wave * (SPEECH_LEVEL / max(float(np.sqrt(loud.mean())), 1e-5))).astype(np.float32)


class MelMaker:
    """Log-mel of waves; keeps the transform between calls."""

    def __init__(self) -> None:
        self._spectrogram, self._log_mel = Spectrogram(), LogMel()

    @torch.no_grad()
    def __call__(self, wave: npt.NDArray[np.float32]) -> Tensor:
        """Wave ``(L,)`` -> ``(L // 160, 80)``."""
        mel: Tensor = self._log_mel(self._spectrogram(torch.from_numpy(wave)[None]))[0].T
        return mel


def frame_classes(symbols: Sequence[str], ends: npt.NDArray[np.float32], frames: int) -> Tensor:
    """Phone class in the middle of each frame."""
    middle = (np.arange(frames) + 0.5) / FRAMES_PER_SECOND
    owner = np.minimum(np.searchsorted(ends, middle, side="right"), len(symbols) - 1)
    return torch.tensor([phone_class(symbols[index]) for index in owner], dtype=torch.int64)


def features_of(clip: store.Clip, maker: MelMaker) -> Features:
    """Features of one corpus clip; raises :class:`gptsovits.nano.timing.CrowdedError` when it is spoken too fast."""
    wave = normalised((clip.wave / 32768).astype(np.float32))
    frames = min(len(wave) // HOP, len(clip.pitch)) // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN
    wave = wave[: frames * HOP]
    symbols, ends = without_gaps(clip.symbols, clip.ends)
    tokens, owners = spoken_tokens(clip.phones, symbols, ends, frames // FRAMES_PER_TOKEN)
    return Features(
        clip.speaker,
        clip.text,
        torch.tensor(phone_ids(clip.phones)),
        maker(wave).half(),
        torch.from_numpy(clip.pitch[:frames].astype(np.float32)),
        frame_classes(symbols, ends, frames),
        torch.from_numpy(wave),
        tokens,
        owners,
    )


def spoken_tokens(
    phones: Sequence[str], symbols: Sequence[str], ends: npt.NDArray[np.float32], tokens: int
) -> tuple[Tensor, Tensor]:
    """Tokens ``(T,)`` of timed stretches, and the index in ``phones`` that each belongs to.

    A silence belongs to the mark before the next phone, or to that phone.
    """
    spoken = [index for index, phone in enumerate(phones) if phone_class(phone) != SILENCE_CLASS]
    last = len(phones) - 1
    owners, seen = [], 0
    for symbol in symbols:
        upcoming = spoken[seen] if seen < len(spoken) else last
        if symbol:
            owners.append(upcoming)
            seen += 1
        else:
            owners.append(upcoming - 1 if seen and upcoming - 1 not in spoken else upcoming)
    stretches = stretch_of_tokens(symbols, ends, tokens)
    owner = torch.from_numpy(np.clip(np.array(owners)[stretches], 0, last))
    return torch.from_numpy(tokens_of_stretches(symbols, stretches)), owner


class Corpus:
    """Features in memory; :meth:`refresh` adds shards that appeared since."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[Path] = set()
        self._maker = MelMaker()
        self.items: list[Features] = []
        self.refresh()

    def refresh(self) -> None:
        """Reads shards that are new."""
        for path in store.shards(self._folder):
            if path not in self._seen:
                self._seen.add(path)
                self.items.extend(self._features(store.load(path)))

    def _features(self, clips: Sequence[store.Clip]) -> Iterator[Features]:
        """Features of clips that are not spoken too fast for tokens of 40 ms."""
        for clip in clips:
            try:
                yield features_of(clip, self._maker)
            except CrowdedError:
                continue

    @property
    def minutes(self) -> float:
        """Minutes of speech read so far."""
        return sum(item.frames for item in self.items) / FRAMES_PER_SECOND / 60

    def crops(self, batch: int, frames: int, source: np.random.Generator) -> list[tuple[Features, int]]:
        """Random clips of at least ``frames`` frames, each with a random first frame at which a token begins."""
        chosen: list[tuple[Features, int]] = []
        while len(chosen) < batch:
            item = self.items[source.integers(len(self.items))]
            if item.frames >= frames:
                first = int(source.integers((item.frames - frames) // FRAMES_PER_TOKEN + 1))
                chosen.append((item, first * FRAMES_PER_TOKEN))
        return chosen

    def batches(self, frames: int, source: np.random.Generator) -> Iterator[list[Features]]:
        """Endless batches of whole clips of like length, about ``frames`` frames each."""
        while True:
            order = sorted(source.permutation(len(self.items)), key=lambda index: self.items[index].frames // 40)
            groups: list[list[Features]] = [[]]
            for index in order:
                item = self.items[index]
                if groups[-1] and (len(groups[-1]) + 1) * item.frames > frames:
                    groups.append([])
                groups[-1].append(item)
            for index in source.permutation(len(groups)):
                yield groups[index]
