"""Building blocks of stage 2 against plain formulas."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from gptsovits.arch.attention import Attention, gather_offsets, spread_offsets
from gptsovits.arch.text_encoder import frames_at_speed, stretch
from gptsovits.arch.weightnorm import NormedConv1d, NormedConvTranspose1d

torch.set_num_threads(1)


@pytest.mark.parametrize("length", [1, 2, 5, 17])
def test_relative_offsets_equal_the_formula(length: int) -> None:
    window = 4
    by_offset = torch.randn(2, 3, length, 2 * window + 1)
    spread = spread_offsets(by_offset, window)
    weights = torch.randn(2, 3, length, length)
    gathered = gather_offsets(weights, window)
    for i in range(length):
        for j in range(length):
            inside = abs(j - i) <= window
            expected = by_offset[..., i, j - i + window] if inside else torch.zeros(2, 3)
            torch.testing.assert_close(spread[..., i, j], expected)
            if inside:
                torch.testing.assert_close(gathered[..., i, j - i + window], weights[..., i, j])


def test_blocked_pairs_have_no_weight() -> None:
    torch.manual_seed(1)
    attention = Attention(8, 2, window=4).eval()
    x = torch.randn(1, 8, 6)
    mask = torch.tensor([1.0, 1, 1, 1, 0, 0]).view(1, 1, -1)
    visible = mask.unsqueeze(-1) * mask.unsqueeze(2)
    changed = x.clone()
    changed[..., 4:] += 3
    first, second = attention(x, x, visible), attention(changed, changed, visible)
    torch.testing.assert_close(first[..., :4], second[..., :4])


@pytest.mark.parametrize(("length", "frames"), [(60, 76), (60, 47), (7, 7), (5, 1), (1, 4)])
def test_stretch_equals_linear_interpolation(length: int, frames: int) -> None:
    x = torch.randn(2, 3, length)
    expected = F.interpolate(x, size=frames, mode="linear", align_corners=False)
    torch.testing.assert_close(stretch(x, frames), expected, atol=1e-5, rtol=1e-5)


def test_frames_at_speed() -> None:
    assert [frames_at_speed(60, speed) for speed in (1.0, 0.8, 1.3)] == [60, 76, 47]


@pytest.mark.parametrize("layer", [NormedConv1d(3, 4, 5, padding=2), NormedConvTranspose1d(3, 4, 8, 4, 2)])
def test_folding_keeps_the_function(layer: NormedConv1d | NormedConvTranspose1d) -> None:
    x = torch.randn(1, 3, 9)
    with torch.no_grad():
        assert layer.weight_g is not None
        layer.weight_g.mul_(1.7)
        before = layer(x)
        assert math.isclose(
            float(layer.effective_weight()[0].norm()), float(layer.weight_g.flatten()[0]), rel_tol=1e-5
        )
        layer.fold()
        torch.testing.assert_close(layer(x), before)
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
