"""The embedded adapters, for the contract suites; tests/engines runs the same suites against the real engines."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def events_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'events.sqlite'}"


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'service.sqlite'}"


@pytest.fixture
def objects_url(tmp_path: Path) -> str:
    return f"file://{tmp_path / 'objects'}"
