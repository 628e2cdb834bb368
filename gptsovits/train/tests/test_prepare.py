"""Recordings of a list become training clips, with the tokens of the base and a voice's own words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from transformers import HubertConfig, HubertModel

from gptsovits.arch.loading import load_s2
from gptsovits.errors import BrokenVoice
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.text import phonemize
from gptsovits.train.__main__ import main
from gptsovits.train.clips import read_clips
from gptsovits.train.prepare import Line, Preparer, content_of, read_list

STAGE2 = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints" / "tiny_v2_e8_s128.pth"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small HuBERT and three recordings, one of them broken (far above full scale)."""
    torch.set_num_threads(1)
    torch.manual_seed(11)
    folder = tmp_path_factory.mktemp("prepare")
    HubertModel(
        HubertConfig(hidden_size=96, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
                     conv_dim=(16,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
    ).save_pretrained(folder / "hubert")  # fmt: skip
    for name, rate, level in (("a", 44100, 0.5), ("b", 32000, 0.2), ("loud", 32000, 3.0)):
        wave = np.sin(np.arange(rate) / 25) * level
        soundfile.write(folder / f"{name}.wav", np.stack((wave, wave), 1), rate, subtype="FLOAT")
    lines = ["/elsewhere/a.wav|me|EN|Hello world.", "not a line", "b.wav|me|zh|你好。", "loud.wav|me|en|No."]
    (folder / "my.list").write_text("\n".join(lines), encoding="utf-8")
    (folder / "lexicon.yaml").write_text("en:\n  hello: [HH, AW1]\n  no: [N, OW1]\n")
    return folder


def test_what_is_above_full_scale_stays_at_it(place: Path, tmp_path: Path) -> None:
    wave = np.sin(np.arange(32000) / 25).astype(np.float32) * 2
    soundfile.write(tmp_path / "above.wav", wave, 32000, subtype="FLOAT")
    stage2 = read_voice_file(STAGE2)
    preparer = Preparer(content_of(place / "hubert"), load_s2(stage2.tensors, stage2.config))
    (clip,) = preparer.clips([Line(tmp_path / "above.wav", "en", "Hello.")])
    assert np.abs(np.diff(clip.wave)).max() < 0.1


def test_the_command_makes_clips(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["prepare", place / "my.list", tmp_path, "--encoder", place / "hubert", "--stage2", STAGE2,
                 "--waves", place, "--lexicon", place / "lexicon.yaml"]  # fmt: skip
    assert main([str(part) for part in arguments]) == 0
    assert "2 clips" in capsys.readouterr().out
    first, second = read_clips(tmp_path)
    assert (first.name, second.name) == ("00000_a", "00001_b")
    assert first.phones.tolist() == list(phonemize("Hello world.", "en", {"hello": ["HH", "AW1"]}).ids)
    assert second.phones.tolist() == list(phonemize("你好。", "zh").ids)
    for clip in (first, second):
        assert (len(clip.wave), clip.ssl.shape, clip.codes.shape) == (32000, (96, 50), (25,))
        assert 0.3 < np.abs(clip.wave).max() < 0.75
    stage2 = read_voice_file(STAGE2)
    network = load_s2(stage2.tensors, stage2.config)
    with torch.inference_mode():
        codes = network.extract_latent(torch.from_numpy(first.ssl)[None])[0, 0]
    np.testing.assert_array_equal(codes.numpy(), first.codes)


@pytest.mark.parametrize(
    "wave",
    [np.zeros(0), np.zeros(9), np.full(600, 0.5), np.full(32000, np.nan)],
    ids=["empty", "click", "20 ms", "nan"],
)
def test_a_clip_without_sound_is_left_out(wave: np.ndarray, place: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "odd.wav", wave, 32000, subtype="FLOAT")
    stage2 = read_voice_file(STAGE2)
    preparer = Preparer(content_of(place / "hubert"), load_s2(stage2.tensors, stage2.config))
    assert list(preparer.clips([Line(tmp_path / "odd.wav", "en", "Hello.")])) == []


@pytest.mark.parametrize("begins", ["", "\ufeff"], ids=["plain", "with a mark of Windows"])
@pytest.mark.parametrize("wave", ["C:\\my data\\a.wav", "/my data/a.wav", "a.wav"])
def test_a_list_of_any_system_names_its_recordings(begins: str, wave: str, tmp_path: Path) -> None:
    (tmp_path / "my.list").write_text(f"{begins}{wave}|me|EN|Hello.\r\n", encoding="utf-8", newline="")
    assert read_list(tmp_path / "my.list", tmp_path) == [Line(tmp_path / "a.wav", "en", "Hello.")]


def test_a_line_ends_where_an_editor_ends_it(tmp_path: Path) -> None:
    (tmp_path / "my.list").write_text("a.wav|me|en|One\u2028two.\nb.wav|me|en|Three.\n", encoding="utf-8")
    assert [line.text for line in read_list(tmp_path / "my.list")] == ["One\u2028two.", "Three."]


def test_a_list_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / "my.list").write_text("a.wav|me|zh|你好\n", encoding="gbk")
    with pytest.raises(BrokenVoice, match="UTF-8"):
        read_list(tmp_path / "my.list")


def test_what_cannot_be_read_is_named(place: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.list").write_text("nothing\n")
    with pytest.raises(BrokenVoice, match=r"wav_path\|speaker"):
        read_list(tmp_path / "empty.list")
    (tmp_path / "gone.list").write_text("gone.wav|me|en|Gone.\n")
    stage2 = read_voice_file(STAGE2)
    preparer = Preparer(content_of(place / "hubert"), load_s2(stage2.tensors, stage2.config))
    with pytest.raises(BrokenVoice, match=r"gone\.wav cannot be read"):
        list(preparer.clips(read_list(tmp_path / "gone.list")))
