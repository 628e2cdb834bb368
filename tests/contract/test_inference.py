"""The contract of inference, on onnxruntime in this process."""

from __future__ import annotations

import pytest

from services.inference.engines import Engines, open_engines
from services.inference.shelf import OpenVoice
from tests.contract.inference_suite import InferenceContract, ShelfContract, Work, WorkOf


@pytest.fixture(scope="module")
def engines() -> Engines:
    return open_engines("onnxruntime://")


@pytest.fixture
def work() -> WorkOf:
    def of(opened: OpenVoice) -> Work:
        done = opened.engine._engine.stage1.statistics  # type: ignore[attr-defined]
        return Work(done.tokens, done.cancelled)

    return of


class TestOnnxruntime(InferenceContract):
    pass


class TestShelf(ShelfContract):
    pass


def test_an_unknown_scheme_is_refused() -> None:
    for url in ("gopher://nowhere", "triton://nowhere", "triton://localhost:8001", "triton://localhost:1/a?backend=x"):
        with pytest.raises(ValueError, match="VOICEHUB_INFERENCE_URL"):
            open_engines(url)
