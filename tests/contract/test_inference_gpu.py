"""The inference contract with the graphs on a GPU."""

from __future__ import annotations

import pytest

from services.inference.engines import Engines, open_engines
from tests.contract.inference_suite import InProcessContract


@pytest.fixture(scope="session")
def engines() -> Engines:
    return open_engines("onnxruntime://?device=cuda")


class TestOnnxruntimeOnGpu(InProcessContract):
    tolerance = 1e-3
    """A streamed source adds up its phase: 7e-4 of a peak of 0.46 beside a processor's, and the same each time."""
