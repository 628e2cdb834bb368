"""Recorded voices speak on a GPU as recorded."""

from __future__ import annotations

import pytest

from gptsovits.runtime.bundle import ON_GPU, Bundle
from gptsovits.runtime.graph import CUDA
from gptsovits.runtime.tests.conftest import BundleOf
from gptsovits.runtime.tests.test_voice import FILES, speaks_as_recorded
from gptsovits.runtime.voice import Voice


@pytest.mark.parametrize(("file", "version"), FILES)
def test_tokens_are_equal_and_waves_within_tolerance(bundle_of: BundleOf, file: str, version: str) -> None:
    speaks_as_recorded(Voice.load(bundle_of(file), device="cuda"), version)


def test_the_graphs_that_are_called_once_lie_on_the_gpu(bundle_of: BundleOf) -> None:
    here, there = (Bundle.open(bundle_of(FILES[0][0]), 1, verify=True, device=device) for device in ("cpu", "cuda"))
    on_gpu = {name for name, graph in there.graphs.items() if CUDA in graph.session.get_providers()}
    assert on_gpu == set(ON_GPU)
    assert not [name for name, graph in here.graphs.items() if CUDA in graph.session.get_providers()]
