from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.security.hub import Attacker, running_hub


@dataclass
class Hub:
    """A running hub and how to reach it."""

    data: Path
    attacker: Attacker
    upload: str

    def fresh(self) -> str:
        """A session that a test may lose."""
        return self.attacker.login("mallory")


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """One hub for all attacks from outside, which it survives."""
    data = tmp_path_factory.mktemp("hub")
    with running_hub(data) as address:
        attacker = Attacker(address)
        token = attacker.login("mallory")
        attacker.json("POST", "/v1/repos", {"name": "target", "visibility": "public"}, token)
        yield Hub(data, attacker, attacker.upload(token, b"not a model", "tiny.ckpt"))
