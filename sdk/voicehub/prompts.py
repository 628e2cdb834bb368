"""The prompts of a pulled voice: which there are, and how one becomes the conditioning of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from voicehub.errors import NotAuditionable, Unreadable
from voicehub.models import Version

if TYPE_CHECKING:
    from gptsovits.runtime.bert import BertFeatures
    from gptsovits.runtime.content import ContentEncoder
    from gptsovits.runtime.prompt import Conditioning
    from gptsovits.runtime.voice import Voice

AUDIO = (".wav", ".flac")
FEATURES = ".safetensors"


@dataclass(frozen=True)
class PromptFile:
    """A prompt on disk and, for audio, what is said in it."""

    path: Path
    text: str = ""
    language: str = ""


def choose(version: Version, folder: Path, wanted: str = "") -> PromptFile:
    """The prompt named `wanted`, else the first of the card, else the first there is.

    Raises:
        NotAuditionable: the voice has no such prompt.
    """
    listed = [_listed(entry, version, folder) for entry in version.card.get("prompts") or ()]
    found = [p for p in listed if p] or [PromptFile(p) for p in _candidates(version, folder)]
    for prompt in found:
        if wanted in ("", prompt.path.name, prompt.path.stem):
            return prompt
    names = ", ".join(p.path.name for p in found)
    message = f"The voice has no prompt {wanted!r}." if wanted else "The voice has no prompt and cannot speak."
    raise NotAuditionable(message, hint=f"It has: {names}." if names else "Its owner can push a version with one.")


def condition(
    voice: Voice, prompt: PromptFile, encoder: ContentEncoder | None, bert: BertFeatures | None = None
) -> Conditioning:
    """The conditioning of a prompt: features as they are, audio through encoder and text front end."""
    if prompt.path.suffix == FEATURES:
        return _from_features(voice, prompt.path)
    from gptsovits.runtime.prompt import Prompt
    from gptsovits.text import phonemize

    wave = read_audio(prompt.path, voice.facts.sample_rate)
    sequence = phonemize(prompt.text, prompt.language) if prompt.text else None
    phones = None if sequence is None else np.array(sequence.ids, np.int64)
    features = None if sequence is None or bert is None else bert.of_sequence(sequence)
    given = Prompt(wave, phones=phones, bert=features, text=prompt.text, language=prompt.language)
    return voice.prepare(given, encoder)


def read_audio(path: Path, rate: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """A recording as float32 mono `(L,)` at `rate` Hz."""
    import soundfile
    import soxr

    try:
        wave, own_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise Unreadable(f"{path} is no readable audio: {error}.", hint="Pull the voice again.") from error
    return np.asarray(soxr.resample(wave.mean(axis=1), own_rate, rate), np.float32)


def _from_features(voice: Voice, path: Path) -> Conditioning:
    from safetensors import safe_open

    from gptsovits.formats.features import read_conditioning, read_prompt_features

    with safe_open(path, "numpy") as file:
        private = "ge" in file.keys()  # noqa: SIM118 (safe_open is no mapping)
    if private:
        return read_conditioning(path)
    given = read_prompt_features(path)
    if given.sample_rate == voice.facts.sample_rate:
        return voice.prepare(given.prompt)
    from dataclasses import replace

    import soxr

    wave = np.asarray(soxr.resample(given.prompt.wave, given.sample_rate, voice.facts.sample_rate), np.float32)
    return voice.prepare(replace(given.prompt, wave=wave))


def _listed(entry: Mapping[str, Any], version: Version, folder: Path) -> PromptFile | None:
    stem = Path(str(entry.get("file", ""))).stem
    for path in _candidates(version, folder):
        if path.stem == stem:
            return PromptFile(path, str(entry.get("text", "")), str(entry.get("language", "")))
    return None


def _candidates(version: Version, folder: Path) -> list[Path]:
    return [folder / f.path for f in version.files if Path(f.path).suffix in (*AUDIO, FEATURES)]
