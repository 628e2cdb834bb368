"""The recording of the demo: a real reader, 44 seconds of the opening of *A Tale of Two Cities* (Dickens, 1859).

It comes with the wheel `moonshine-voice` and stays there: it is the creator's recording and is never part of a base.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

TRANSCRIPT = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of "
    "darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing "
    "before us, we were all going direct to heaven, we were all going direct the other way. In short, the period was "
    "so far like the present period, that some of its noisiest authorities insisted on its being received, for good "
    "or for evil, in the superlative degree of comparison only."
)
CARD = {
    "languages": ["en"],
    "gender": "male",
    "age": "middle",
    "persona": "narrator",
    "styles": ["narration"],
    "tags": ["literature"],
}
DECLARATION = {
    "source": "two_cities.wav of the wheel moonshine-voice: a reading of a public-domain text",
    "license": "MIT",
    "consent": "licensed",
}
OTHERS = ("endgame_nagg_nell.wav",)
"""Another voice of the same wheel. Its `beckett.wav` may be the same reader (Resemblyzer 0.76) and is left out."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """Where the recordings lie."""

    folder: Path

    @property
    def recording(self) -> Path:
        """The creator's."""
        return self.folder / "two_cities.wav"

    @property
    def others(self) -> list[Path]:
        """Other people's."""
        return [self.folder / name for name in OTHERS if (self.folder / name).exists()]


def find_source() -> Source:
    """The assets of the installed wheel; FileNotFoundError says how to get it."""
    spec = find_spec("moonshine_voice")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("The demo's recording comes with the package moonshine-voice: run `make setup`.")
    return Source(Path(spec.origin).parent / "assets")


def read_16k(path: Path) -> Floats:
    """A file as float32 mono at 16 kHz."""
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(wave.mean(axis=1), rate, 16000), np.float32)


def cut(path: Path, target: Path, seconds: float) -> Path:
    """The first `seconds` of a recording as a file of its own."""
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    soundfile.write(target, wave[: int(seconds * rate)], rate, subtype="PCM_16")
    return target
