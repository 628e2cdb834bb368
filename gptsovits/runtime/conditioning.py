"""From a prompt file to the conditioning of a voice: the one way of hub, behaviour test and client."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile

from gptsovits.errors import BrokenVoice, VoiceError
from gptsovits.formats.features import read_conditioning, read_prompt_features
from gptsovits.formats.prompt_files import PromptFile
from gptsovits.runtime.bert import BertFeatures
from gptsovits.runtime.content import ContentEncoder, resampled
from gptsovits.runtime.prompt import Conditioning, Prompt
from gptsovits.runtime.sampling import Floats
from gptsovits.runtime.voice import Voice

LONGEST_SECONDS = 120.0
"""Of a recording, asked before it is read: a file of hours would fill the memory."""


def condition(
    voice: Voice,
    prompt: PromptFile,
    folder: Path,
    encoder: ContentEncoder | None = None,
    speaker: Floats | None = None,
    bert: BertFeatures | None = None,
) -> Conditioning:
    """Feature files and private prompts as they are; recordings through the content encoder and the text front end.

    Without its words a recording gives the timbre only, and needs no encoder. ``speaker (1, 20480)`` is the speaker
    embedding that a recording for a Pro version lacks; ``bert`` reads the words of a Mandarin one.

    Raises:
        VoiceError, TextError: the prompt does not fit the voice, or something that it needs is missing.
    """
    path = folder / prompt.path
    if not prompt.is_audio:
        return _from_features(voice, path)
    wave = read_audio(path, voice.facts.sample_rate)
    if not prompt.text:
        return voice.prepare(Prompt(wave, speaker=speaker))
    # Late: the front ends' dictionaries are not needed for a timbre.
    from gptsovits.text import phonemize
    from gptsovits.text.cutting import ended

    language = prompt.language or "auto"
    read = phonemize(ended(prompt.text.strip("\n"), language), language, guard_short=True)
    phones, features = np.array(read.ids, np.int64), None if bert is None else bert.of_sequence(read)
    spoken = Prompt(wave, phones=phones, bert=features, speaker=speaker, text=prompt.text, language=prompt.language)
    return voice.prepare(spoken, encoder)


def read_audio(path: Path, sample_rate: int) -> Floats:
    """A recording as float32 mono ``(L,)`` at ``sample_rate`` Hz; BrokenVoice if it is no audio, or too long."""
    try:
        with soundfile.SoundFile(str(path)) as file:
            rate = file.samplerate
            if file.frames > LONGEST_SECONDS * rate:
                raise BrokenVoice(f"{path} is too long for a reference; cut out 3 to 10 seconds of the voice.")
            wave = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise BrokenVoice(f"{path} is no readable recording ({error}); get the voice again.") from error
    return resampled(wave.mean(axis=1, dtype=np.float32), rate, sample_rate)


def _from_features(voice: Voice, path: Path) -> Conditioning:
    try:
        given = read_prompt_features(path)
    except VoiceError:
        return read_conditioning(path)
    wave = resampled(given.prompt.wave, given.sample_rate, voice.facts.sample_rate)
    return voice.prepare(replace(given.prompt, wave=wave))
