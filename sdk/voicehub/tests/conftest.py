from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from voicehub.tests.hub import Hub, running_hub


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICEHUB_HOME", str(tmp_path / "home"))
    for name in ("VOICEHUB_URL", "VOICEHUB_TOKEN", "VOICEHUB_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as server:
        yield server
