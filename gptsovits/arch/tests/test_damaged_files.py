"""Files whose tensors or configuration are damaged, or lie, are refused by one kind of error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gptsovits.arch.loading import load_s1, load_s2
from gptsovits.errors import BrokenVoice
from gptsovits.formats.checkpoint import read_voice_file

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"


@pytest.mark.parametrize(
    "changed",
    [
        {"hidden_channels": None},
        {"n_heads": 0},
        {"kernel_size": -1},
        {"n_layers": 10**9},
        {"filter_channels": 10**9},
        {"upsample_rates": []},
    ],
)
def test_a_configuration_that_makes_no_network_is_told(changed: dict[str, Any]) -> None:
    file = read_voice_file(GOLDEN / "tiny_v2_e8_s128.pth")
    with pytest.raises(BrokenVoice):
        load_s2(file.tensors, {**file.config, "model": {**file.config["model"], **changed}})


@pytest.mark.parametrize(
    "changed", [{"head": 0}, {"vocab_size": "x"}, {"n_layer": 10**9}, {"phoneme_vocab_size": 10**11}]
)
def test_a_stage_1_that_makes_no_network_is_told(changed: dict[str, Any]) -> None:
    file = read_voice_file(GOLDEN / "tiny-e15.ckpt")
    with pytest.raises(BrokenVoice):
        load_s1(file.tensors, {**file.config, "model": {**file.config["model"], **changed}})


@pytest.mark.parametrize(
    "name", ["enc_p.ssl_proj.weight", "ref_enc.spectral.0.fc.weight", "enc_p.text_embedding.weight"]
)
def test_a_tensor_that_is_no_table_is_named(name: str) -> None:
    file = read_voice_file(GOLDEN / "tiny_v2_e8_s128.pth")
    with pytest.raises(BrokenVoice, match=name):
        load_s2({**file.tensors, name: np.zeros(())}, file.config)
