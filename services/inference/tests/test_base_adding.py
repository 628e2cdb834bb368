"""Foreign bases: a HuBERT of the real class, stage files, hostile files, and folders that are none."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from click.testing import CliRunner
from transformers import BertConfig, BertModel, HubertModel

from gptsovits.conftest import write_small_hubert
from gptsovits.runtime.bert import BertFeatures
from gptsovits.runtime.content import ContentEncoder
from gptsovits.text import phonemize
from services.inference.admin import group
from services.inference.base_adding import add as add_sources
from services.inference.base_sources import located
from services.inference.registry import BaseRefused, BaseRegistry, RegisteredBase

CHECKPOINTS = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"


@pytest.fixture
def registry(tmp_path: Path) -> BaseRegistry:
    return BaseRegistry(tmp_path / "bases")


def add(registry: BaseRegistry, paths: list[Path], name: str = "") -> list[RegisteredBase]:
    return add_sources(registry, [located(str(path)) for path in paths], name)


def hubert(folder: Path, weights: str) -> Any:
    model = HubertModel.from_pretrained(write_small_hubert(folder))
    model.train(False)
    if weights == "pytorch_model.bin":
        torch.save(model.state_dict(), folder / weights)
        (folder / "model.safetensors").unlink()
    return model


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_a_hubert_becomes_a_content_encoder(registry: BaseRegistry, tmp_path: Path, weights: str) -> None:
    model = hubert(tmp_path / "cnhubert", weights)
    base = add(registry, [tmp_path / "cnhubert"])[0]
    assert (base.kind, base.name, base.family, base.feature_dim) == ("content_encoder", "cnhubert", "v2", 96)
    wave = np.random.default_rng(0).standard_normal(16000).astype(np.float32) * 0.1
    with torch.no_grad():
        expected = model(torch.from_numpy(wave)[None]).last_hidden_state.numpy().transpose(0, 2, 1)
    found = ContentEncoder.load(base.folder).features(wave)
    assert np.abs(found - expected).max() < 1e-4
    assert registry.encoders("unverified:cnhubert", "v2", 96) == [base]
    assert registry.encoders(base.digest, "v2Pro", 96) == [base]
    assert registry.encoders("unverified:cnhubert", "v2", 768) == []
    assert registry.encoders("unverified:nano", "nano", 96) == []


def test_a_bert_becomes_features_for_voices_of_its_width(registry: BaseRegistry, tmp_path: Path) -> None:
    folder = tmp_path / "roberta"
    torch.manual_seed(2)
    BertModel(BertConfig(vocab_size=6, hidden_size=32, num_hidden_layers=3, num_attention_heads=2,
                         intermediate_size=16)).save_pretrained(folder)  # fmt: skip
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n海\n天\n")
    base = add(registry, [folder])[0]
    assert (base.kind, base.name, base.feature_dim) == ("bert", "roberta", 32)
    assert {file.path for file in base.files} == {"base.json", "bert.onnx", "vocab.txt"}
    sequence = phonemize("海天", "zh")
    assert BertFeatures.load(base.folder).of_sequence(sequence).shape == (32, len(sequence.phones))
    assert registry.berts("unverified:chinese-roberta-wwm-ext-large", 32) == [base]
    assert registry.berts(base.digest, 32) == [base]
    assert registry.berts(base.digest, 1024) == []
    (folder / "vocab.txt").unlink()
    with pytest.raises(BaseRefused, match="no vocabulary"):
        add(registry, [folder])


def test_stage_files_become_a_voice_base(registry: BaseRegistry) -> None:
    files = [CHECKPOINTS / "tiny-e15.ckpt", CHECKPOINTS / "tiny_v2_pretrained_style.pth"]
    base = add(registry, files, name="tiny")[0]
    assert (base.kind, base.name) == ("voice", "tiny")
    assert {file.path for file in base.files} == {"base.json", "s1.safetensors", "s2.safetensors"}
    again = add(registry, files, name="tiny")[0]
    assert again.digest == base.digest
    assert len(registry.all()) == 1


def test_a_hostile_file_is_refused_and_not_registered(registry: BaseRegistry, tmp_path: Path) -> None:
    marker = tmp_path / "marker"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(marker), "w"))

    folder = tmp_path / "hostile"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "hubert"}))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": Evil()}))
    with pytest.raises(BaseRefused, match="malicious"):
        add(registry, [folder])
    assert registry.all() == []
    assert not marker.exists()


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_weights_that_are_no_numbers_here_are_no_base(registry: BaseRegistry, tmp_path: Path, weights: str) -> None:
    """The bits of 8-bit floats were written as whole numbers: a base that said nonsense."""
    folder = tmp_path / "cnhubert"
    hubert(folder, weights)
    name = "encoder.layers.0.attention.k_proj.weight"
    if weights == "model.safetensors":
        saved = safetensors.torch.load_file(folder / weights)
        saved[name] = saved[name].to(torch.float8_e4m3fn)
        safetensors.torch.save_file(saved, folder / weights)
    else:
        saved = torch.load(folder / weights, weights_only=True)
        saved[name] = saved[name].to(torch.float8_e4m3fn)
        torch.save(saved, folder / weights)
    with pytest.raises(BaseRefused, match=rf"{name} \(F8_E4M3\).*float32"):
        add(registry, [folder])


def test_a_stage_of_8_bit_floats_is_no_base(registry: BaseRegistry, tmp_path: Path) -> None:
    saved = torch.load(CHECKPOINTS / "tiny-e15.ckpt", weights_only=True)
    saved["weight"]["model.ar_predict_layer.weight"] = saved["weight"]["model.ar_predict_layer.weight"].to(
        torch.float8_e5m2
    )
    torch.save(saved, tmp_path / "voice.ckpt")
    with pytest.raises(BaseRefused, match=r"model.ar_predict_layer.weight \(F8_E5M2\)"):
        add(registry, [tmp_path / "voice.ckpt"])


@pytest.mark.parametrize(
    ("config", "words"),
    [(None, "base.json nor config.json"), ({"model_type": "llama"}, "weights"), ([], "describes no model")],
)
def test_other_folders_are_refused_in_one_sentence(
    registry: BaseRegistry, tmp_path: Path, config: object, words: str
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(BaseRefused, match=words):
        add(registry, [folder])


def test_the_command_line_adds_and_lists(tmp_path: Path) -> None:
    files = [str(CHECKPOINTS / "tiny-e15.ckpt"), str(CHECKPOINTS / "tiny_v2_pretrained_style.pth")]
    place = ["--data", str(tmp_path / "hub"), "--json"]
    added = CliRunner().invoke(group, ["add", *files, "--name", "tiny", *place])
    assert added.exit_code == 0, added.output
    listed = CliRunner().invoke(group, ["ls", *place])
    assert json.loads(listed.output) == json.loads(added.output)
    refused = CliRunner().invoke(group, ["add", str(tmp_path), *place])
    assert refused.exit_code == 1
    assert "Error:" in refused.output
