"""Bundles of reduced precision are smaller, say what they cost, and still speak."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from gptsovits.export.__main__ import main
from gptsovits.export.precision import quantised
from gptsovits.parity.recorded_synthesis import recorded_prompt, recorded_target
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.voice import Voice

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden"
FILES = [str(GOLDEN / "checkpoints" / name) for name in ("tiny-e15.ckpt", "tiny_v2_e8_s128.pth")]
SIZES: dict[str, int] = {}


@pytest.mark.parametrize(("precision", "agreement", "wave_error"), [("fp16", 0.97, 0.05), ("int8", 0.9, 0.05)])
def test_a_reduced_bundle_says_its_cost_and_speaks(
    tmp_path: Path, precision: str, agreement: float, wave_error: float
) -> None:
    torch.set_num_threads(1)
    assert main(["onnx", *FILES, str(tmp_path), "--precision", precision]) == 0
    header = json.loads((tmp_path / "bundle.json").read_text())
    assert header["precision"] == precision
    assert header["token_agreement"]["equal"] >= agreement
    assert header["token_agreement"]["steps"] == 160
    assert all("compared_with_torch" in entry for entry in header["graphs"].values())
    stored = sum(path.stat().st_size for path in tmp_path.glob("*.onnx"))
    weights = sum(value.size for value in _weights().values())
    assert stored < 4 * weights
    voice, target = Voice.load(tmp_path), recorded_target(GOLDEN)
    recorded = load_file(GOLDEN / "checkpoints" / "synthesis.safetensors")
    conditioning = voice.prepare(recorded_prompt(GOLDEN))
    np.testing.assert_array_equal(conditioning.codes, recorded["v2/prompt_semantic"][0])
    assert len(voice.generate_tokens(target.phones, target.bert, conditioning, Sampling(greedy=True, early_stop=60)))
    wave = voice.decode(recorded["v2/semantic"][0, 0], target.phones, conditioning.ge, 0.5, target.noise)
    assert np.abs(wave - recorded["v2/wav"][0, 0]).max() < wave_error


def _weights() -> dict[str, np.ndarray]:
    from gptsovits.formats.checkpoint import read_voice_file

    return {f"{file}{name}": value for file in FILES for name, value in read_voice_file(Path(file)).tensors.items()}


def test_eight_bits_are_within_half_a_step() -> None:
    matrix = np.random.default_rng(1).standard_normal((256, 20)).astype(np.float32)
    stored, scale = quantised(matrix, 64)
    assert (stored.shape, scale.shape) == ((20, 4, 64), (20, 4))
    back = ((stored.astype(np.float32) - 128) * scale[..., None]).reshape(20, 256).T
    assert (np.abs(back - matrix) <= np.repeat(scale.T, 64, 0) * 0.5001).all()
