"""Recorded voices speak on a GPU as recorded."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from gptsovits.parity.recorded_synthesis import recorded_prompt, recorded_target
from gptsovits.runtime.bundle import ON_GPU, Bundle
from gptsovits.runtime.graph import CUDA
from gptsovits.runtime.tests.conftest import GOLDEN, BundleOf
from gptsovits.runtime.tests.test_voice import FILES, RECORDED
from gptsovits.runtime.voice import Voice


@pytest.mark.parametrize(("file", "version"), FILES)
def test_tokens_are_equal_and_waves_within_tolerance(bundle_of: BundleOf, file: str, version: str) -> None:
    recorded = load_file(GOLDEN / "checkpoints" / "synthesis.safetensors")
    voice, target = Voice.load(bundle_of(file), device="cuda"), recorded_target(GOLDEN, version)
    conditioning = voice.prepare(recorded_prompt(GOLDEN, version))
    np.testing.assert_array_equal(conditioning.codes, recorded[f"{version}/prompt_semantic"][0])
    tokens = voice.generate_tokens(target.phones, target.bert, conditioning, RECORDED)
    np.testing.assert_array_equal(tokens, recorded[f"{version}/semantic"][0, 0])
    for key, scale in (("wav", 0.5), ("wav_noise0", 0.0)):
        wave = voice.decode(tokens, target.phones, conditioning.ge, scale, target.noise)
        assert np.abs(wave - recorded[f"{version}/{key}"][0, 0]).max() < 2e-4


def test_the_graphs_that_are_called_once_lie_on_the_gpu(bundle_of: BundleOf) -> None:
    here, there = (Bundle.open(bundle_of(FILES[0][0]), 1, verify=True, device=device) for device in ("cpu", "cuda"))
    on_gpu = {name for name, graph in there.graphs.items() if CUDA in graph.session.get_providers()}
    assert on_gpu == set(ON_GPU)
    assert not [name for name, graph in here.graphs.items() if CUDA in graph.session.get_providers()]
