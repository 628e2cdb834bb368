"""Judging a tuned voice on the lines that were held out: similarity, intelligibility, predicted opinion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from gptsovits.finetune.align import Clip
from gptsovits.judge.intelligibility import Listener, pooled
from gptsovits.judge.opinion import mean_overall
from gptsovits.judge.similarity import embedding, similarity, windows
from gptsovits.nano.base import S1_FILE, S2_FILE, NanoBase, NanoVoice, load_base, voice_of
from gptsovits.nano.config import SAMPLE_RATE
from gptsovits.nano.speaking import condition, decode, tokens_of
from gptsovits.pipeline.slicing import Clips
from gptsovits.pipeline.training import Tuned
from gptsovits.text import phonemize
from gptsovits.whole import replacing

if TYPE_CHECKING:
    from gptsovits.pipeline.run import Progress, Request

SEED = 7
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Judged:
    """Figures by name, as they stand on the card; the judges are named in them.

    ``speaker`` is the Resemblyzer embedding (256,) of what the voice said (not of the person's recording), of length 1.
    """

    figures: Mapping[str, float]
    speaker: tuple[float, ...]


def evaluate(request: Request, clips: Clips, tuned: Tuned, folder: Path, report: Callable[[Progress], None]) -> Judged:
    """Speaks every held-out line and judges it; the waves stay in `folder / "evaluation"`."""
    from gptsovits.pipeline.run import Progress

    report(Progress("evaluate", 0.0, "speaking lines it has not learned"))
    voice = load_tuned(tuned)
    waves = speak_lines(load_base(request.base), voice, tuned.prompt, [clip.text for clip in clips.held_out])
    (folder / "evaluation").mkdir(parents=True, exist_ok=True)
    for number, wave in enumerate(waves):
        with replacing(folder / "evaluation" / f"line-{number}.wav") as beside:
            soundfile.write(beside, wave, SAMPLE_RATE, format="WAV")
    report(Progress("evaluate", 0.6, "listening"))
    speaker = embedding(np.concatenate(waves))
    judged = Judged(_figures(clips, waves), tuple(round(float(value), 4) for value in speaker))
    report(Progress("evaluate", 1.0, "judged", judged.figures))
    return judged


def load_tuned(tuned: Tuned) -> NanoVoice:
    """The tuned networks, ready to speak."""
    stages = (load_file(tuned.folder / name) for name in (S1_FILE, S2_FILE))
    s1, s2 = stages
    return voice_of(s1, tuned.config["s1"], s2, tuned.config["s2"])


def speak_lines(base: NanoBase, voice: NanoVoice, prompt: Clip, texts: Sequence[str]) -> list[Floats]:
    """Each text spoken after the same prompt, float32 at 16 kHz."""
    conditioning = condition(base, voice, prompt.wave, prompt.text, prompt.language)
    waves = []
    for number, text in enumerate(texts):
        phones = torch.tensor(phonemize(text, prompt.language).ids)
        tokens = tokens_of(voice, phones, conditioning, SEED + number)
        waves.append(np.asarray(decode(voice, tokens, phones, conditioning.ge, SEED), np.float32))
    return waves


def _figures(clips: Clips, waves: Sequence[Floats]) -> dict[str, float]:
    recording = np.concatenate([clip.wave for clip in clips.train])
    listener = Listener()
    own = [listener.judge(clip.wave, clip.text) for clip in clips.held_out]
    spoken = [listener.judge(wave, clip.text) for wave, clip in zip(waves, clips.held_out, strict=True)]
    parts = windows(recording)
    centre = parts.mean(axis=0)
    return {
        "similarity_resemblyzer": similarity(embedding(np.concatenate(waves)), embedding(recording)),
        "word_error_rate_pocketsphinx": pooled(spoken),
        "word_error_rate_recording": pooled(own),
        "mos_dnsmos": mean_overall(waves),
        "mos_dnsmos_recording": mean_overall([clip.wave for clip in clips.held_out]),
        "embedding_stability": float(np.mean([similarity(part, centre) for part in parts])),
    }
