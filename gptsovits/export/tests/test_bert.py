"""An exported BERT of the real class gives Mandarin phones torch's features, and a voice speaks with them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from gptsovits.arch.bert import load_bert_network
from gptsovits.arch.torch_voice import TorchVoice
from gptsovits.errors import BrokenVoice
from gptsovits.export.bert import export_bert
from gptsovits.export.bundle import export_bundle
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.parity.recorded_synthesis import recorded_prompt
from gptsovits.runtime.bert import BertFeatures
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.speaking import Manner, frontend, speak
from gptsovits.runtime.voice import Voice
from gptsovits.text import phonemize

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "\u2028", *"今天气很好我们去看海，。"]
"""A line separator is a word of the published Chinese vocabulary."""
SENTENCE = "今天天气很好，我们去看海。"


def small_bert(folder: Path, width: int, layers: int = 4) -> BertModel:
    """Random weights, in the layout of a published model."""
    torch.set_num_threads(1)
    torch.manual_seed(4)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=width, num_hidden_layers=layers, num_attention_heads=4, intermediate_size=32,
    )  # fmt: skip
    model = BertModel(config)
    model.train(False)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    return model


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[BertModel, BertFeatures]:
    folder = tmp_path_factory.mktemp("bert")
    model = small_bert(folder / "model", 1024)
    return model, BertFeatures.load(export_bert(folder / "model", folder / "base"))


def test_features_are_the_third_last_hidden_state_per_phone(pair: tuple[BertModel, BertFeatures]) -> None:
    model, bert = pair
    sequence = phonemize(SENTENCE, "zh")
    ids = [2, *(WORDS.index(c) if c in WORDS else 1 for c in sequence.normalized), 3]
    with torch.no_grad():
        hidden = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-3][0, 1:-1]
    assert sequence.word2ph is not None
    expected = hidden.numpy().repeat(sequence.word2ph, axis=0).T
    found = bert.of_sequence(sequence)
    assert found.shape == (1024, len(sequence.phones))
    assert np.abs(found - expected).max() < 1e-2  # stored in half precision


def test_only_mandarin_has_features_and_unknown_characters_have_the_unknown_ones(
    pair: tuple[BertModel, BertFeatures],
) -> None:
    _, bert = pair
    mixed = phonemize("我们去 London，今天。", "auto")
    assert [part.language for part in mixed.parts][:2] == ["zh", "en"]
    features = bert.of_sequence(mixed)
    first = len(mixed.parts[0].phones)
    assert np.abs(features[:, :first]).min(axis=0).max() > 0
    assert not features[:, first : first + len(mixed.parts[1].phones)].any()
    assert not bert.of_sequence(phonemize("Good morning.", "en")).any()
    np.testing.assert_array_equal(bert._run("海马")[1], bert._run("海鱼")[1])
    long = phonemize("我们" * 400, "zh")
    assert bert.of_sequence(long).shape == (1024, len(long.phones))


def test_a_voice_speaks_with_them_as_torch_does(pair: tuple[BertModel, BertFeatures], tmp_path: Path) -> None:
    one, two = (read_voice_file(GOLDEN / "checkpoints" / name) for name in ("tiny-e15.ckpt", "tiny_v2_e8_s128.pth"))
    engine = TorchVoice.from_tensors(one.tensors, one.config, two.tensors, two.config)
    voice = Voice.load(export_bundle(one.tensors, one.config, two.tensors, two.config, tmp_path))
    prompt = recorded_prompt(GOLDEN)
    conditioning = voice.prepare(prompt)
    sampling = Sampling(greedy=True, early_stop=30)
    (piece,) = frontend(bert=pair[1])("今天天气很好", "zh")
    assert piece.bert is not None
    tokens = voice.generate_tokens(piece.phones, piece.bert, conditioning, sampling)
    expected = engine.generate_tokens(piece.phones, piece.bert, engine.prepare(prompt), sampling)
    np.testing.assert_array_equal(tokens, expected)
    assert tokens.tolist() != voice.generate_tokens(piece.phones, None, conditioning, sampling).tolist()
    speech = speak(voice, "今天天气很好", "zh", conditioning, Manner(sampling), frontend(bert=pair[1]))
    np.testing.assert_array_equal(speech.pieces[0].codes, tokens)


def test_folders_that_are_no_bert_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenVoice, match=r"model\.safetensors"):
        load_bert_network(tmp_path)
    with pytest.raises(BrokenVoice, match="no BERT"):
        BertFeatures.load(tmp_path)
    small_bert(tmp_path / "shallow", 16, layers=2)
    with pytest.raises(BrokenVoice, match="at least three"):
        load_bert_network(tmp_path / "shallow")
    small_bert(tmp_path / "mute", 16, layers=3)
    (tmp_path / "mute" / "vocab.txt").unlink()
    with pytest.raises(BrokenVoice, match="no vocabulary"):
        export_bert(tmp_path / "mute", tmp_path / "out")
