from __future__ import annotations

import pytest

from gptsovits.pipeline.describe import describe_en, describe_zh
from gptsovits.pipeline.measure import measure, tags
from gptsovits.pipeline.tests.speech import RATE, speech_like


@pytest.mark.parametrize(("pitch", "register"), [(100.0, "low"), (160.0, "medium"), (240.0, "high")])
def test_register_follows_the_pitch_of_the_wave(pitch: float, register: str) -> None:
    figures = measure(speech_like(6, pitch), RATE, words=15, speech_seconds=6)
    assert figures.pitch_median_hz == pytest.approx(pitch, rel=0.08)
    assert figures.words_per_minute == pytest.approx(150)
    assert tags(figures)["register"] == register


def test_noise_in_the_voice_lowers_harmonicity() -> None:
    import numpy as np

    clean = speech_like(6)
    noisy = clean + 0.1 * np.random.default_rng(1).standard_normal(len(clean)).astype(np.float32)
    assert measure(noisy, RATE, 15, 6).hnr_db < measure(clean, RATE, 15, 6).hnr_db - 3


def test_the_line_has_the_form_of_the_example() -> None:
    card = {"age": "middle", "gender": "male", "languages": ["yue"], "styles": ["narrative"]}
    found = {"register": "medium", "roughness": "slightly-hoarse", "manner": "even"}
    assert describe_zh(card, found) == "中年男性，粤语母语，略带沙哑，叙事风格"
    assert describe_en(card, found) == "Middle-aged man, native Cantonese, slightly hoarse, narrative style"


def test_what_nobody_said_is_not_described() -> None:
    assert describe_zh({}, {}) == ""
    assert describe_en({"languages": ["en"]}, {}) == "Native English"
