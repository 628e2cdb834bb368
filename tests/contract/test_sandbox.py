"""The contract of the sandbox, on this machine."""

from __future__ import annotations

import pytest

from services.scanner.sandbox import Walls, open_sandbox
from tests.contract.sandbox_suite import SandboxContract


@pytest.fixture
def walls() -> Walls:
    return open_sandbox("local://")


class TestLocal(SandboxContract):
    pass
