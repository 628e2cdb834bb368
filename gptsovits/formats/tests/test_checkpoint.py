"""Recorded checkpoints of every head are read, written and read again with equal tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gptsovits.errors import UnsupportedVoice
from gptsovits.export.__main__ import main as export
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.formats.checkpoint_writer import write_checkpoint
from gptsovits.formats.kinds import kind_of, require_spoken

CHECKPOINTS = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"
KINDS = {
    "tiny-e15.ckpt": "s1",
    "tiny_v2_e8_s128.pth": "v2",
    "tiny_v2_header01.pth": "v2",
    "tiny_v2_pretrained_style.pth": "v2",
    "tiny_v2Pro_e8_s128.pth": "v2Pro",
}


@pytest.mark.parametrize("style", ["plain", "hparams"])
@pytest.mark.parametrize("file", KINDS)
def test_a_round_trip_keeps_every_tensor(tmp_path: Path, file: str, style: str) -> None:
    first = read_voice_file(CHECKPOINTS / file)
    assert first.kind == KINDS[file]
    path = write_checkpoint(
        tmp_path / file, first.tensors, first.config, first.info, head=first.head,
        config_style="hparams" if style == "hparams" else "plain",
    )  # fmt: skip
    second = read_voice_file(path)
    assert (second.head, second.info, second.config) == (first.head, first.info, first.config)
    assert list(second.tensors) == list(first.tensors)
    for name, value in first.tensors.items():
        assert second.tensors[name].dtype == value.dtype == np.float16
        np.testing.assert_array_equal(second.tensors[name], value)


def test_an_export_of_8_bit_floats_says_why_there_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Their bits were taken for whole numbers, and the voice spoke noise."""
    saved = torch.load(CHECKPOINTS / "tiny-e15.ckpt", weights_only=True)
    name = "model.ar_predict_layer.weight"
    saved["weight"][name] = saved["weight"][name].to(torch.float8_e4m3fn)
    torch.save(saved, tmp_path / "voice.ckpt")
    stage2 = CHECKPOINTS / "tiny_v2_header01.pth"
    assert export(["onnx", str(tmp_path / "voice.ckpt"), str(stage2), str(tmp_path / "out")]) == 1
    assert f"{name} (F8_E4M3). Save them as float16" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


class Shape:
    """Stands for a tensor of some shape."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape


@pytest.mark.parametrize(
    ("tensors", "config", "head", "kind"),
    [
        ({"enc_p.text_embedding.weight": Shape(322, 4)}, {}, "00", "v1"),
        ({"enc_p.text_embedding.weight": Shape(732, 4)}, {}, "02", "v2"),
        ({"cfm.x": Shape(1)}, {}, "03", "v3"),
        ({"cfm.x": Shape(1)}, {}, "04", "v4"),
        ({"sv_emb.weight": Shape(4, 8), "dec.conv_pre.weight": Shape(512, 192, 7)}, {}, "05", "v2Pro"),
        ({"sv_emb.weight": Shape(4, 8), "dec.conv_pre.weight": Shape(768, 192, 7)}, {}, "06", "v2ProPlus"),
        ({"discriminators.0.x": Shape(1)}, {}, "PK", "discriminator"),
        ({"x": Shape(1)}, {"model": {"version": "nano"}}, "PK", "nano"),
    ],
)
def test_kinds_are_told_by_content(
    tensors: dict[str, Shape], config: dict[str, object], head: str, kind: str
) -> None:
    assert kind_of(tensors, config, head) == kind


def test_versions_that_are_not_spoken_are_refused_with_a_sentence() -> None:
    for kind in ("v1", "v3", "v4"):
        with pytest.raises(UnsupportedVoice, match="stored and delivered"):
            require_spoken(kind)
    with pytest.raises(UnsupportedVoice, match="neither"):
        kind_of({"x": Shape(1)})
