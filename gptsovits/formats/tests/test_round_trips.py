"""Every original format, from every other: version, precision, style of configuration, head, posterior, safetensors."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save_file

from gptsovits.formats.checkpoint import VoiceFile, read_voice_file
from gptsovits.formats.checkpoint_writer import HEADS, distributed, write_checkpoint

CHECKPOINTS = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"
FILES = {
    "s1": "tiny-e15.ckpt", "v2": "tiny_v2_e8_s128.pth", "base": "tiny_v2_pretrained_style.pth",
    "v2Pro": "tiny_v2Pro_e8_s128.pth", "v2ProPlus": "tiny_v2Pro_e8_s128.pth",
}  # fmt: skip
Arrays = dict[str, NDArray[Any]]


def _model(name: str, precision: str) -> tuple[Arrays, VoiceFile]:
    """The recorded file, in single precision with values that half precision cannot hold."""
    file = read_voice_file(CHECKPOINTS / FILES[name])
    tensors = dict(file.tensors)
    if name == "v2ProPlus":
        tensors["dec.conv_pre.weight"] = np.resize(tensors["dec.conv_pre.weight"], (768, 32, 7))
    if precision == "single":
        tensors = {key: value.astype(np.float32) * np.float32(1 + 1e-5) for key, value in tensors.items()}
    return tensors, file


def _equal(found: VoiceFile, tensors: Arrays) -> None:
    assert list(found.tensors) == list(tensors)
    for key, value in tensors.items():
        other = found.tensors[key]
        assert (other.dtype, other.shape) == (value.dtype, value.shape), key
        assert other.tobytes() == value.tobytes(), key


@pytest.mark.parametrize(
    ("name", "precision", "style"), list(itertools.product(FILES, ("half", "single"), ("plain", "hparams")))
)
def test_what_is_written_is_read_in_every_tensor(tmp_path: Path, name: str, precision: str, style: Any) -> None:
    tensors, file = _model(name, precision)
    kind = "v2" if name == "base" else name
    for head in {HEADS.get(kind, "PK"), "PK"} | ({"01"} if kind == "v2" else set()):  # type: ignore[call-overload]
        path = write_checkpoint(tmp_path / "x.pth", tensors, file.config, "i", head=head, config_style=style)
        found = read_voice_file(path)
        assert (found.kind, found.head, found.info, found.config) == (kind, head, "i", file.config)
        _equal(found, tensors)
    assert any("enc_q" in key for key in tensors) == (name == "base")


def test_a_base_file_becomes_a_distributed_file(tmp_path: Path) -> None:
    tensors, file = _model("base", "single")
    path = write_checkpoint(tmp_path / "x.pth", distributed(tensors), file.config, "i", precision="half")
    found = read_voice_file(path)
    assert not [key for key in found.tensors if "enc_q" in key]
    assert "quantizer.vq.layers.0._codebook.inited" in found.tensors
    _equal(found, {key: value.astype(np.float16) for key, value in tensors.items() if "enc_q" not in key})


@pytest.mark.parametrize(("name", "precision"), list(itertools.product(FILES, ("half", "single"))))
def test_safetensors_and_back(tmp_path: Path, name: str, precision: str) -> None:
    tensors, file = _model(name, precision)
    path = tmp_path / "x.safetensors"
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()}, path,
              {"config": json.dumps(file.config)})  # fmt: skip
    read = read_voice_file(path)
    assert (read.kind, read.config) == ("v2" if name == "base" else name, file.config)
    back = {key: read.tensors[key] for key in tensors}
    _equal(read_voice_file(write_checkpoint(tmp_path / "x.pth", back, read.config, "i")), tensors)
