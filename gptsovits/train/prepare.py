"""A list of recordings to training clips: phones, content features, tokens, BERT features for Mandarin."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

import numpy as np
import soundfile
import torch

from gptsovits.arch.content import content_features, load_content_network
from gptsovits.arch.s2 import Synthesizer
from gptsovits.errors import BrokenVoice
from gptsovits.runtime.bert import BertFeatures
from gptsovits.runtime.content import CONTENT_RATE, ContentEncoder, resampled
from gptsovits.runtime.sampling import Floats
from gptsovits.text import phonemize
from gptsovits.text.lexicon import Lexicon
from gptsovits.train.batches import matched
from gptsovits.train.clips import TrainingClip

log = logging.getLogger(__name__)

LOUDEST = 2.2
"""Recordings with a higher peak are broken and left out."""
SHORTEST = 0.1
"""Seconds; the encoder cannot hear a shorter one."""
CONTENT_SCALE = 1145.14
FIELDS = 4
Content = Callable[[Floats], Floats]
"""Wave ``(L,)`` at 16 kHz to features ``(1, C, T)``."""


def content_of(folder: Path) -> Content:
    """The encoder in a folder: that of a registered base (``content.onnx``), or a HuBERT of `transformers`."""
    if (folder / "content.onnx").is_file():
        return ContentEncoder.load(folder, torch.get_num_threads()).features
    network = load_content_network(folder)
    return lambda wave: content_features(network, torch.from_numpy(wave)[None]).numpy()


@dataclass(frozen=True)
class Line:
    """A line of a list file: ``wav_path|speaker|language|text``."""

    wave: Path
    language: str
    text: str


def read_list(path: Path, waves: Path | None = None) -> list[Line]:
    """The lines with four fields; with a folder ``waves`` only the names of the files count, on any system."""
    lines = []
    for number, row in enumerate(_rows(path), 1):
        fields = row.split("|")
        if len(fields) == FIELDS:
            place = waves / PureWindowsPath(fields[0]).name if waves else Path(fields[0])
            lines.append(Line(place, _language(fields[2]), fields[3]))
        elif row.strip():
            log.warning("line %d of %s has %d fields in place of %d and is left out", number, path, len(fields), FIELDS)
    if not lines:
        raise BrokenVoice(f"{path} has no line of the form `wav_path|speaker|language|text`.")
    return lines


def _rows(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise BrokenVoice(f"{path} is not in UTF-8 ({error}); save it in that encoding.") from error


def _language(code: str) -> str:
    """Codes of both spellings that lists use."""
    return {"jp": "ja"}.get(code.lower(), code.lower())


@dataclass(frozen=True)
class Preparer:
    """What turns recordings into clips; ``lexicons`` by language override pronunciations."""

    content: Content
    stage2: Synthesizer
    bert: BertFeatures | None = None
    lexicons: Mapping[str, Lexicon] = field(default_factory=dict)

    def clips(self, lines: list[Line]) -> Iterator[TrainingClip]:
        """A clip for each line, numbered in their order."""
        for number, line in enumerate(lines):
            clip = self._clip(f"{number:05d}_{line.wave.stem}", line)
            if clip is not None:
                yield clip

    def _clip(self, name: str, line: Line) -> TrainingClip | None:
        rate = self.stage2.config.spectrogram.sampling_rate
        wave = load_mono(line.wave, rate)
        peak = float(np.abs(wave).max(initial=0.0))
        if not 0 < peak <= LOUDEST or len(wave) < SHORTEST * rate:
            return None
        blended = 0.5 * 0.95 * wave / np.float32(peak) + 0.5 * wave
        at_16k = resampled(blended * np.float32(CONTENT_SCALE / 32768), rate, CONTENT_RATE)
        ssl = self.content(at_16k)
        frames = len(blended) // self.stage2.config.spectrogram.hop_length
        fitted = matched(ssl[0], frames)
        with torch.inference_mode():
            codes = self.stage2.extract_latent(torch.from_numpy(fitted)[None])[0, 0].numpy()
        sequence = phonemize(line.text, line.language, self.lexicons.get(line.language))
        bert = None if self.bert is None else self.bert.of_sequence(sequence)
        # The training wave is 16 bit, as it would be on disk; what is above full scale stays at it.
        wave16: Floats = np.clip(blended * 32768, -32768, 32767).astype(np.int16).astype(np.float32) / np.float32(32768)
        return TrainingClip(name, wave16, fitted, np.array(sequence.ids, np.int64), codes, bert)


def load_mono(path: Path, rate: int) -> Floats:
    """A recording as float32 mono at ``rate``."""
    try:
        wave, source = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (OSError, soundfile.LibsndfileError) as error:
        raise BrokenVoice(f"{path} cannot be read ({error}); give WAV or FLAC files.") from error
    return resampled(wave.mean(axis=1, dtype=np.float32), source, rate)
