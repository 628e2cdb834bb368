"""Every kind of prompt file becomes the same conditioning as its content given directly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gptsovits.errors import BrokenVoice, MissingInput
from gptsovits.export.content import export_content_encoder
from gptsovits.formats.features import write_conditioning, write_prompt_features
from gptsovits.formats.prompt_files import PromptFile
from gptsovits.parity.recorded_synthesis import recorded_prompt
from gptsovits.runtime.conditioning import condition
from gptsovits.runtime.content import ContentEncoder
from gptsovits.runtime.prompt import Conditioning, Prompt
from gptsovits.runtime.speaking import frontend, text_frontend
from gptsovits.runtime.tests.conftest import GOLDEN, BundleOf
from gptsovits.runtime.voice import Voice
from gptsovits.text import phonemize


def _same(found: Conditioning, expected: Conditioning) -> None:
    for name in ("ge", "codes", "phones", "bert"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))


def test_features_and_private_prompts_are_taken_as_they_are(bundle_of: BundleOf, tmp_path: Path) -> None:
    voice, prompt = Voice.load(bundle_of("tiny_v2_e8_s128.pth")), recorded_prompt(GOLDEN)
    expected = voice.prepare(prompt)
    write_prompt_features(tmp_path / "given.safetensors", prompt, voice.facts.sample_rate)
    _same(condition(voice, PromptFile("given.safetensors"), tmp_path), expected)
    write_conditioning(tmp_path / "private.safetensors", expected)
    _same(condition(voice, PromptFile("private.safetensors"), tmp_path), expected)


def test_a_recording_goes_through_encoder_and_text(bundle_of: BundleOf, small_hubert: Path, tmp_path: Path) -> None:
    voice = Voice.load(bundle_of("tiny_v2_e8_s128.pth"))
    wave = np.random.default_rng(3).uniform(-0.3, 0.3, 3 * 32000).astype(np.float32)
    soundfile.write(tmp_path / "said.wav", np.stack([wave, wave], axis=1), 32000, subtype="FLOAT")
    encoder = ContentEncoder.load(export_content_encoder(small_hubert, tmp_path / "base"))
    spoken = PromptFile("said.wav", "Good morning.", "en")
    phones = np.array(phonemize("Good morning.", "en").ids, np.int64)
    _same(condition(voice, spoken, tmp_path, encoder), voice.prepare(Prompt(wave, phones=phones), encoder))
    _same(condition(voice, PromptFile("said.wav"), tmp_path), voice.prepare(Prompt(wave)))
    with pytest.raises(MissingInput, match="base add"):
        condition(voice, spoken, tmp_path)


def test_what_cannot_be_read_is_said(bundle_of: BundleOf, tmp_path: Path) -> None:
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    with pytest.raises(BrokenVoice, match="no readable recording"):
        condition(Voice.load(bundle_of("tiny_v2_e8_s128.pth")), PromptFile("broken.wav"), tmp_path)


@pytest.mark.parametrize(
    ("wave", "reason"),
    [
        (np.zeros(0, np.float32), "too short"),
        (np.zeros(700, np.float32), "too short"),
        (np.full(64000, np.nan, np.float32), "no sound"),
        (np.where(np.arange(64000) == 9, np.float32(np.inf), np.float32(0.1)), "no sound"),
        (np.zeros(32000 * 130, np.float32), "too long"),
    ],
    ids=["empty", "shorter than a frame", "nan", "infinite", "more than two minutes"],
)
def test_a_recording_that_is_no_reference_is_refused(
    wave: np.ndarray, reason: str, bundle_of: BundleOf, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "said.wav", wave, 32000, subtype="FLOAT")
    with pytest.raises(BrokenVoice, match=reason):
        condition(Voice.load(bundle_of("tiny_v2_e8_s128.pth")), PromptFile("said.wav"), tmp_path)


@pytest.mark.parametrize(("subtype", "rate"), [("PCM_U8", 8000), ("PCM_24", 192000), ("DOUBLE", 44100)])
def test_recordings_of_any_depth_rate_and_channels_are_taken(
    subtype: str, rate: int, bundle_of: BundleOf, tmp_path: Path
) -> None:
    wave = 0.3 * np.sin(np.arange(3 * rate) * 1000 / rate)
    soundfile.write(tmp_path / "said.wav", np.stack([wave] * 6, axis=1), rate, subtype=subtype)
    made = condition(Voice.load(bundle_of("tiny_v2_e8_s128.pth")), PromptFile("said.wav"), tmp_path)
    assert np.isfinite(made.ge).all()


@pytest.mark.parametrize(
    ("said", "language", "read"),
    [("Good morning everyone", "en", "Good morning everyone."), ("早上好", "zh", "早上好。"), ("好。", "zh", ".好。")],
)
def test_words_of_a_prompt_end_and_begin_as_in_training(
    said: str, language: str, read: str, bundle_of: BundleOf, small_hubert: Path, tmp_path: Path
) -> None:
    voice = Voice.load(bundle_of("tiny_v2_e8_s128.pth"))
    soundfile.write(tmp_path / "said.wav", np.random.default_rng(3).uniform(-0.3, 0.3, 3 * 32000), 32000)
    encoder = ContentEncoder.load(export_content_encoder(small_hubert, tmp_path / "base"))
    made = condition(voice, PromptFile("said.wav", said, language), tmp_path, encoder)
    assert made.phones.tolist() == list(phonemize(read, language).ids)


def test_the_own_words_of_a_voice_are_spoken_as_they_say_and_only_in_their_language() -> None:
    reader = frontend({"en": {"Zorbla": ["K", "AE1", "T"]}})
    ids = [piece.phones.tolist() for piece in reader("Hello zorbla.", "en")]
    assert ids == [piece.phones.tolist() for piece in text_frontend("Hello cat.", "en")]
    assert ids != [piece.phones.tolist() for piece in text_frontend("Hello zorbla.", "en")]
    other = frontend({"ja": {"Zorbla": ["K"]}})
    assert [piece.phones.tolist() for piece in other("Zorbla.", "en")] == [
        piece.phones.tolist() for piece in text_frontend("Zorbla.", "en")
    ]
