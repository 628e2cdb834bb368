"""How far a fine-tune moved the timbre: the same tokens rendered before and after, and the timbre vectors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from gptsovits.arch.s2 import Synthesizer
from gptsovits.audio.dsp import spectrogram
from gptsovits.train.clips import TrainingClip
from gptsovits.train.mel import MelFrontEnd

CLIPS = 4
_DECIBEL = 20 / np.log(10)


@torch.inference_mode()
def timbre_moved(before: Synthesizer, after: Synthesizer, clips: Sequence[TrainingClip]) -> dict[str, float]:
    """``envelope_db``: mean distance of the long-term spectral envelopes of both renderings.

    ``envelope_to_speaker_db_before`` and ``..._after``: their distance from the recordings. ``timbre_cosine``: cosine
    of the timbre vectors of both style encoders. No noise, so that equal weights give 0, equal distances and 1.
    """
    front_end = MelFrontEnd(before.config.spectrogram)
    rows = [_one(before, after, clip, front_end) for clip in clips[:CLIPS]]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _one(before: Synthesizer, after: Synthesizer, clip: TrainingClip, front_end: MelFrontEnd) -> dict[str, float]:
    spec = torch.from_numpy(spectrogram(clip.wave, before.config.spectrogram))[None]
    speaker = None if clip.speaker is None else torch.from_numpy(clip.speaker)
    ges = [network.timbre(spec, None, speaker) for network in (before, after)]
    real = _envelope(front_end, torch.from_numpy(clip.wave)[None])
    one, two = (
        _envelope(front_end, _rendered(network, clip, ge)) for network, ge in zip((before, after), ges, strict=True)
    )
    return {
        "envelope_db": _distance(one, two),
        "envelope_to_speaker_db_before": _distance(one, real),
        "envelope_to_speaker_db_after": _distance(two, real),
        "timbre_cosine": float(F.cosine_similarity(ges[0].flatten(), ges[1].flatten(), dim=0)),
    }


def _rendered(network: Synthesizer, clip: TrainingClip, ge: Tensor) -> Tensor:
    codes, phones = torch.from_numpy(clip.codes)[None, None], torch.from_numpy(clip.phones)[None]
    noise = torch.zeros(1, network.config.inter_channels, 2 * codes.shape[2])
    return network.decode(codes, phones, ge, 0.0, 1.0, noise)[:, 0]


def _envelope(front_end: MelFrontEnd, wave: Tensor) -> Tensor:
    """Mean log mel, without its level."""
    mel: Tensor = front_end(wave)[0].mean(-1)
    return mel - mel.mean()


def _distance(one: Tensor, two: Tensor) -> float:
    return float((one - two).abs().mean() * _DECIBEL)
