"""The contract of inference, on onnxruntime in this process."""

from __future__ import annotations

import onnxruntime
import pytest

from services.inference.engines import Engines, open_engines
from tests.contract.inference_suite import InProcessContract, ShelfContract


@pytest.fixture(scope="module")
def engines() -> Engines:
    return open_engines("onnxruntime://")


class TestOnnxruntime(InProcessContract):
    pass


class TestShelf(ShelfContract):
    pass


def test_an_unknown_scheme_is_refused() -> None:
    for url in ("gopher://nowhere", "triton://nowhere", "triton://localhost:8001", "triton://localhost:1/a?backend=x"):
        with pytest.raises(ValueError, match="VOICEHUB_INFERENCE_URL"):
            open_engines(url)


def test_a_device_that_is_not_here_is_refused_before_anybody_listens() -> None:
    with pytest.raises(ValueError, match="must have cpu or cuda"):
        open_engines("onnxruntime://?device=tpu")
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        with pytest.raises(ValueError, match="install onnxruntime-gpu"):
            open_engines("onnxruntime://?device=cuda")
    assert open_engines("onnxruntime://?device=cpu&memory_mb=100")
