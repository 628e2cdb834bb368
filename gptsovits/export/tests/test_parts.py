"""The generator in parts makes the sound that it makes in one piece, whatever its length, also in the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from gptsovits.arch.generator import Generator
from gptsovits.arch.weightnorm import fold_weight_norm
from gptsovits.config import S2Config
from gptsovits.export.parts import PartedGenerator, reach

SMALL = S2Config(
    inter_channels=8, gin_channels=8, upsample_initial_channel=256, upsample_rates=(4, 2, 2),
    upsample_kernel_sizes=(8, 4, 2), resblock_kernel_sizes=(3, 7), resblock_dilation_sizes=((1, 3, 5), (1, 3, 5)),
)  # fmt: skip
FRAMES = (1, 2, 5, 23, 60, 61, 62, 63)


@pytest.fixture(scope="module")
def parted() -> PartedGenerator:
    torch.set_num_threads(1)
    torch.manual_seed(5)
    whole = Generator(SMALL).eval()
    fold_weight_norm(whole)
    return PartedGenerator(whole, SMALL).eval()


def test_the_wide_stages_stay_whole_and_the_reach_is_covered(parted: PartedGenerator) -> None:
    assert (parted.first, parted.samples) == (1, 4)
    assert parted.reach == reach(SMALL, 1) < 60
    assert reach(S2Config(), 2) == 58


@pytest.mark.parametrize("frames", FRAMES)
def test_the_sound_is_the_same(parted: PartedGenerator, frames: int) -> None:
    latent, timbre = torch.randn(1, 8, frames), torch.randn(1, 8, 1)
    with torch.no_grad():
        torch.testing.assert_close(parted(latent, timbre), parted.whole(latent, timbre), atol=1e-6, rtol=1e-5)


def test_a_graph_traced_at_one_length_is_right_at_others(parted: PartedGenerator, tmp_path: Path) -> None:
    path, timbre = tmp_path / "g.onnx", torch.randn(1, 8, 1)
    torch.onnx.export(
        parted, (torch.randn(1, 8, 30), timbre), str(path), input_names=["latent", "timbre"], output_names=["wave"],
        dynamic_axes={"latent": {2: "frames"}, "wave": {2: "samples"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for frames in FRAMES:
        latent = torch.randn(1, 8, frames)
        with torch.no_grad():
            expected = parted.whole(latent, timbre).numpy()
        (found,) = session.run(None, {"latent": latent.numpy(), "timbre": timbre.numpy()})
        np.testing.assert_allclose(found, expected, atol=1e-5)
