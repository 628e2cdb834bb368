"""What can be measured of a voice, by Praat (parselmouth): pitch, rate, roughness, movement.

Thresholds are starting points for connected speech; the figures stay beside each tag, so that a reader sees what stood
behind a word. Those of hoarseness are not calibrated on voices that a listener called hoarse, and the card says so; a
trained clear voice lies far from them (HNR 15 dB, CPPS 9 dB, jitter 2 %, shimmer 7 %).
References: Boersma (1993) for pitch and harmonicity; Maryn & Weenink (2015) for CPPS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import parselmouth
from numpy.typing import NDArray
from parselmouth.praat import call

PITCH_FLOOR, PITCH_CEILING = 60.0, 500.0
LOW_REGISTER_HZ, HIGH_REGISTER_HZ = 130.0, 200.0
HOARSE = {"hnr_db": 7.0, "cpps_db": 5.5, "jitter_percent": 4.5, "shimmer_percent": 18.0}
LIVELY_SEMITONES, CALM_SEMITONES = 4.0, 2.2
SLOW_WORDS, FAST_WORDS = 125.0, 190.0


@dataclass(frozen=True)
class Measurements:
    """Figures of one voice. Hz, dB, percent, words per minute, semitones, seconds as the names say."""

    pitch_median_hz: float
    pitch_low_hz: float
    pitch_high_hz: float
    pitch_movement_semitones: float
    words_per_minute: float
    hnr_db: float
    jitter_percent: float
    shimmer_percent: float
    cpps_db: float
    energy_movement_db: float
    speech_seconds: float


def measure(wave: NDArray[np.float32], sample_rate: int, words: int, speech_seconds: float) -> Measurements:
    """Measures mono speech of shape (n,)."""
    sound = parselmouth.Sound(wave.astype(np.float64), sample_rate)
    pitch = sound.to_pitch_ac(time_step=0.01, pitch_floor=PITCH_FLOOR, pitch_ceiling=PITCH_CEILING)
    voiced = pitch.selected_array["frequency"]
    voiced = voiced[voiced > 0]
    if len(voiced) == 0:
        raise ValueError("no voiced speech to measure")
    # Creaks and breaths read an octave off; what is further than that from the median is no pitch of this voice.
    voiced = voiced[np.abs(np.log2(voiced / np.median(voiced))) < 1]
    points = call([sound, pitch], "To PointProcess (cc)")
    harmonicity = sound.to_harmonicity_cc(time_step=0.01, minimum_pitch=PITCH_FLOOR).values
    cepstrogram = call(sound, "To PowerCepstrogram", PITCH_FLOOR, 0.01, 5000, 50)
    cpps = call(
        cepstrogram,
        "Get CPPS",
        "yes",
        0.02,
        0.0005,
        60,
        330,
        0.05,
        "Parabolic",
        0.001,
        0.05,
        "Exponential decay",
        "Robust",
    )
    semitones = 12 * np.log2(voiced / np.median(voiced))
    intensity = sound.to_intensity(minimum_pitch=PITCH_FLOOR).values.reshape(-1)
    shimmer = call([sound, points], "Get shimmer (local)", 0, 0, 0.0001, 0.02, 1.3, 1.6)
    return Measurements(
        pitch_median_hz=float(np.median(voiced)),
        pitch_low_hz=float(np.percentile(voiced, 5)),
        pitch_high_hz=float(np.percentile(voiced, 95)),
        pitch_movement_semitones=float(np.std(np.clip(semitones, -12, 12))),
        words_per_minute=60 * words / speech_seconds,
        hnr_db=float(np.mean(harmonicity[harmonicity > -100])),
        jitter_percent=100 * float(call(points, "Get jitter (local)", 0, 0, 0.0001, 0.02, 1.3)),
        shimmer_percent=100 * float(shimmer),
        cpps_db=float(cpps),
        energy_movement_db=float(np.std(intensity[intensity > np.percentile(intensity, 30)])),
        speech_seconds=speech_seconds,
    )


def tags(m: Measurements) -> dict[str, str]:
    """What the figures honestly say: register, rate, roughness, manner."""
    signs = [
        m.hnr_db < HOARSE["hnr_db"],
        m.cpps_db < HOARSE["cpps_db"],
        m.jitter_percent > HOARSE["jitter_percent"],
        m.shimmer_percent > HOARSE["shimmer_percent"],
    ]
    return {
        "register": _band(m.pitch_median_hz, LOW_REGISTER_HZ, HIGH_REGISTER_HZ, ("low", "medium", "high")),
        "rate": _band(m.words_per_minute, SLOW_WORDS, FAST_WORDS, ("slow", "moderate", "fast")),
        "roughness": ("clear", "clear", "slightly-hoarse", "hoarse", "hoarse")[sum(signs)],
        "manner": _band(m.pitch_movement_semitones, CALM_SEMITONES, LIVELY_SEMITONES, ("calm", "even", "lively")),
    }


def as_card(m: Measurements, extra: Mapping[str, float]) -> dict[str, dict[str, object]]:
    """The `measured` section of the card: every figure with how it was taken."""
    how = "Praat through parselmouth, on the cleaned recording"
    figures = {name: {"value": round(value, 3), "how": how} for name, value in asdict(m).items()}
    figures |= {name: {"value": round(value, 3), "how": "see figures"} for name, value in extra.items()}
    verdicts = {name: {"value": value, "how": "thresholds on the figures above"} for name, value in tags(m).items()}
    verdicts["roughness"]["how"] += ", not calibrated on labelled hoarse voices"
    return {**figures, **verdicts}


def _band(value: float, low: float, high: float, names: tuple[str, str, str]) -> str:
    return names[0] if value < low else names[2] if value > high else names[1]
