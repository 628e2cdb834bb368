"""From a typed sentence and a recording: the exported voice speaks exactly as the torch engine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gptsovits.arch.content import load_content_network
from gptsovits.arch.torch_voice import TorchVoice
from gptsovits.export.content import export_content_encoder
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.runtime.content import ContentEncoder
from gptsovits.runtime.prompt import Prompt
from gptsovits.runtime.sampling import Sampling, seeded_race
from gptsovits.runtime.speaking import MOST_PHONES, frontend, left_out, read_pieces, text_frontend
from gptsovits.runtime.tests.conftest import GOLDEN, BundleOf
from gptsovits.runtime.voice import Voice, frames_at_speed
from gptsovits.text import TextError, phonemize
from gptsovits.text import pieces as text_pieces

FILE = "tiny_v2_e8_s128.pth"


def _recording() -> np.ndarray:
    """Four seconds at 32 kHz with a changing pitch and loudness."""
    time = np.arange(4 * 32000) / 32000
    tone = np.sin(2 * np.pi * (140 * time + 20 * np.sin(2 * np.pi * 0.7 * time)))
    noise = np.random.default_rng(2).standard_normal(len(time)) * 0.02
    return np.asarray(tone * (0.3 + 0.2 * np.sin(2 * np.pi * 3 * time)) + noise, np.float32)


@pytest.mark.parametrize(("greedy", "speed"), [(True, 1.0), (False, 1.2)])
def test_runtime_equals_torch_from_a_wav_and_a_sentence(
    bundle_of: BundleOf, small_hubert: Path, tmp_path: Path, greedy: bool, speed: float
) -> None:
    stage1 = read_voice_file(GOLDEN / "checkpoints" / "tiny-e15.ckpt")
    stage2 = read_voice_file(GOLDEN / "checkpoints" / FILE)
    engine = TorchVoice.from_tensors(stage1.tensors, stage1.config, stage2.tensors, stage2.config)
    voice = Voice.load(bundle_of(FILE))
    words = np.array(phonemize("She walked along the river.", "en").ids, np.int64)
    prompt = Prompt(_recording(), phones=words, text="She walked along the river.", language="en")

    expected = engine.prepare(prompt, load_content_network(small_hubert))
    found = voice.prepare(prompt, ContentEncoder.load(export_content_encoder(small_hubert, tmp_path / "base")))
    np.testing.assert_array_equal(found.codes, expected.codes)
    np.testing.assert_allclose(found.ge, expected.ge, atol=1e-4)

    sampling = Sampling(greedy=greedy, early_stop=30)
    for piece in text_frontend("Hello world, how are you today?", "en"):
        wanted = engine.generate_tokens(piece.phones, None, expected, sampling, seeded_race(4))
        tokens = voice.generate_tokens(piece.phones, None, found, sampling, seeded_race(4))
        np.testing.assert_array_equal(tokens, wanted)
        frames = frames_at_speed(2 * len(tokens), speed)
        noise = np.random.default_rng(1).standard_normal((1, 32, frames)).astype(np.float32)
        wave = voice.decode(tokens, piece.phones, found.ge, 0.5, noise, speed)
        np.testing.assert_allclose(wave, engine.decode(wanted, piece.phones, expected.ge, 0.5, noise, speed), atol=2e-4)


@pytest.mark.parametrize(("text", "language"), [("你好", "en"), ("你好。今天天气不错，出去走。", "en"), ("漢字", "ko")])
def test_a_text_of_which_no_word_can_be_read_is_refused_and_not_spoken_as_a_pause(text: str, language: str) -> None:
    with pytest.raises(TextError, match="can be read as"):
        text_frontend(text, language)


def test_words_that_can_be_read_are_spoken_among_others_that_cannot() -> None:
    text = "This is the first sentence. 你好今天天气很好我们去散步吧。This is the second one."
    pieces = text_frontend(text, "en")
    assert len(pieces) == 2
    assert [word.text for piece in pieces for word in piece.words if word.text.isalpha()][-2:] == ["second", "one"]
    assert left_out(text, "en") == ("你好今天天气很好我们去散步吧",)


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Say 你好, and 你好 again; then Привет.", "en", ("你好", "Привет")),
        ("今天天气很好。Hello world。Привет 大家好。", "zh", ("Привет",)),
        ("안녕하세요 漢字 123.", "ko", ("漢字",)),
        ("It costs 5 € at 3:30 p.m. — déjà vu!", "en", ()),
    ],
)
def test_what_is_left_out_is_what_reading_finds_no_sounds_for(
    text: str, language: str, expected: tuple[str, ...]
) -> None:
    assert left_out(text, language) == expected
    assert dict.fromkeys(expected) == dict.fromkeys(
        word for part in text_pieces(text, language) for word in phonemize(part, language).unspoken
    )


@pytest.mark.parametrize(
    ("text", "language", "spoken", "expected", "words"),
    [
        ("Hello there, 你好 world.", "auto", ("en",), ("你好",), ["Hello", "there", "world"]),
        ("Hello there. 你好世界。", "auto", ("en",), ("你好世界",), ["Hello", "there"]),
        ("今天天气很好 hello", "zh", ("zh",), ("hello",), list("今天天气很好")),
        ("Hello there, 你好 world.", "auto", ("en", "zh"), (), ["Hello", "there", "你", "好", "world"]),
    ],
)
def test_words_of_languages_that_a_voice_does_not_speak_are_left_out(
    text: str, language: str, spoken: tuple[str, ...], expected: tuple[str, ...], words: list[str]
) -> None:
    assert left_out(text, language, spoken=spoken) == expected
    pieces = frontend(spoken=spoken)(text, language)
    assert [word.text for piece in pieces for word in piece.words if word.text.isalpha()] == words


def test_a_text_in_no_language_of_the_voice_is_refused() -> None:
    with pytest.raises(TextError, match="one of: en, ja"):
        frontend(spoken=("en", "ja"))("你们好", "auto")
    assert frontend(spoken=("zh", "en"))("你们好", "auto")


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("These are " + " ".join(str(7777 + 13 * number) for number in range(99)), "en"),
        ("Sesquipedalian internationalisations " * 13, "en"),
        ("一二三四五六七八九十" * 50, "zh"),
        ("きょうはよいてんき" * 50, "ja"),
        ("7" * 500, "en"),
    ],
)
@pytest.mark.parametrize("method", ["cut0", "cut5"])
def test_no_piece_takes_longer_than_is_spoken_in_one_go_and_no_word_is_lost(
    text: str, language: str, method: str
) -> None:
    pieces = list(read_pieces(text, language, method=method))
    assert len(pieces) > 1
    assert max(len(piece.phones) for piece in pieces) <= MOST_PHONES
    assert "".join(piece.text for piece in pieces).startswith(text.strip())
    said = [word.text for piece in pieces for word in piece.words if word.text.isalnum()]
    whole = [word.text for word in phonemize(text, language).words if word.text.isalnum()]
    assert language == "ja" or "7" * 9 in text or said == whole  # the reading of long numbers and of kana depends


def test_a_piece_that_fits_is_not_cut_again() -> None:
    text = "There was no wind that day and nobody had seen the boat that the keeper of the old light had lost"
    assert [piece.text for piece in read_pieces(text, "en")] == [text + "."]


def test_a_word_that_the_lexicon_gives_sounds_is_not_left_out() -> None:
    lexicon = {"你好": ("N", "IY1", "HH", "AW1")}
    assert left_out("Say 你好, 再见.", "en", lexicon) == ("再见",)
