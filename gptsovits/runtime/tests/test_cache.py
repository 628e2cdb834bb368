"""Step by step on the cache equals the whole sequence at once, for any lengths, paddings and rows that leave."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptsovits.runtime import stage1
from gptsovits.runtime.bundle import Bundle
from gptsovits.runtime.stage1 import started
from gptsovits.runtime.tests.conftest import BundleOf

V2 = "tiny_v2_e8_s128.pth"
TOLERANCE = 1e-4


@given(
    st.lists(st.integers(1, 14), min_size=1, max_size=3), st.integers(0, 9), st.integers(1, 6), st.integers(1, 5),
    st.randoms(use_true_random=False),
)  # fmt: skip
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_steps_equal_the_whole(
    bundle_of: BundleOf, lengths: list[int], prompt: int, steps: int, growth: int, source: object
) -> None:
    bundle = Bundle.open(bundle_of(V2), 1, verify=True)
    draw = np.random.default_rng(source.randrange(1 << 30))  # type: ignore[attr-defined]
    phones = [draw.integers(0, 732, length) for length in lengths]
    bert = [draw.standard_normal((1024, length)).astype(np.float32) for length in lengths]
    before, said = draw.integers(0, 64, prompt), draw.integers(0, 64, steps)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stage1, "GROWTH", growth)
        stepper, logits, _ = started(bundle, phones, bert, before)
        rows = np.arange(len(lengths))
        for number, token in enumerate(said):
            _, whole, _ = started(bundle, phones, bert, np.concatenate((before, said[:number])))
            assert np.abs(logits - whole[rows]).max() < TOLERANCE
            if number == 1 and len(rows) > 1:
                stepper.keep(rows != rows[0])
                rows = rows[1:]
            logits = stepper.step(np.full(len(rows), token), prompt + number)
    _, whole, _ = started(bundle, phones, bert, np.concatenate((before, said)))
    assert np.abs(logits - whole[rows]).max() < TOLERANCE
    for row, alone in enumerate(rows):
        _, single, _ = started(bundle, [phones[alone]], [bert[alone]], np.concatenate((before, said)))
        assert np.abs(single[0] - logits[row]).max() < TOLERANCE
