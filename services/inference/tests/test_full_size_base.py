"""A base of the published sizes: scanned, registered by digest, and speaking from a recording and typed Mandarin."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel, HubertConfig, HubertModel

from gptsovits.arch.discriminator import Discriminator
from gptsovits.arch.loading import dump
from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s2 import Synthesizer
from gptsovits.arch.torch_voice import TorchVoice
from gptsovits.config import S1Config, S2Config
from gptsovits.export.bundle import export_bundle
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.formats.checkpoint_writer import write_checkpoint
from gptsovits.parity.recordings import fill_by_rule
from gptsovits.runtime.bert import BertFeatures
from gptsovits.runtime.content import ContentEncoder
from gptsovits.runtime.prompt import Prompt
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.speaking import frontend
from gptsovits.runtime.voice import Voice
from gptsovits.text import phonemize
from services.inference.base_adding import add
from services.inference.registry import BaseRegistry, RegisteredBase

EXPECTED = Path(__file__).parents[3] / "tests" / "data" / "golden" / "full" / "expected.json"
CHARACTERS = "今天气很好我们去看海，。"


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RegisteredBase]:
    """Stage 1, stage 2 with posterior and discriminator by the fill rule; HuBERT and BERT small inside, full width."""
    torch.set_num_threads(2)
    torch.manual_seed(3)
    folder, registry = tmp_path_factory.mktemp("models"), BaseRegistry(tmp_path_factory.mktemp("bases"))
    configs = json.loads(EXPECTED.read_text())
    paths = [folder / name for name in ("s1bert25hz.ckpt", "s2G.pth", "s2D.pth")]
    networks = (Text2Semantic(S1Config()), Synthesizer(S2Config()), Discriminator())
    for path, network, config in zip(paths, networks, ("s1_config", "s2_config", "s2_config"), strict=True):
        fill_by_rule(network)
        write_checkpoint(path, dump(network), configs[config], "base", precision="half")
    hubert, bert = folder / "hubert", folder / "bert"
    HubertModel(
        HubertConfig(hidden_size=768, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
                     conv_dim=(16,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
    ).save_pretrained(hubert)  # fmt: skip
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *CHARACTERS]
    BertModel(
        BertConfig(vocab_size=len(words), hidden_size=1024, num_hidden_layers=3, num_attention_heads=4,
                   intermediate_size=32)
    ).save_pretrained(bert)  # fmt: skip
    (bert / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    return {base.kind: base for base in add(registry, [*paths, hubert, bert], name="full")}


@pytest.mark.slow
def test_a_full_size_base_is_registered_and_speaks_as_torch_does(
    bases: dict[str, RegisteredBase], tmp_path: Path
) -> None:
    assert set(bases) == {"voice", "content_encoder", "bert"}
    stored = {file.path for file in bases["voice"].files}
    assert stored == {"base.json", "s1.safetensors", "s2.safetensors", "discriminator.safetensors"}
    one, two = (read_voice_file(bases["voice"].folder / name) for name in ("s1.safetensors", "s2.safetensors"))
    assert (one.kind, len(one.tensors), two.kind, len(two.tensors)) == ("s1", 295, "v2", 776)
    voice = Voice.load(export_bundle(one.tensors, one.config, two.tensors, two.config, tmp_path), threads=2)
    engine = TorchVoice.from_tensors(one.tensors, one.config, two.tensors, two.config)

    bert = BertFeatures.load(bases["bert"].folder)
    sequence = phonemize("我们去看海。", "zh")
    wave = (np.sin(np.arange(3 * 32000) / 30) * 0.3).astype(np.float32)
    prompt = Prompt(wave, phones=np.array(sequence.ids, np.int64), bert=bert.of_sequence(sequence))
    found = voice.prepare(prompt, ContentEncoder.load(bases["content_encoder"].folder))
    (piece,) = frontend(bert=bert)("今天天气很好。", "zh")
    sampling = Sampling(greedy=True, early_stop=12)
    tokens = voice.generate_tokens(piece.phones, piece.bert, found, sampling)
    np.testing.assert_array_equal(tokens, engine.generate_tokens(piece.phones, piece.bert, found, sampling))
    noise = np.random.default_rng(1).standard_normal((1, 192, 2 * len(tokens))).astype(np.float32)
    spoken = voice.decode(tokens, piece.phones, found.ge, 0.5, noise)
    expected = engine.decode(tokens, piece.phones, found.ge, 0.5, noise)
    assert np.abs(spoken - expected).max() < 2e-4
    assert np.abs(spoken).max() > 0.01
