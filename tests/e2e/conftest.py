from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.golden import Recorded, recorded_files
from tests.e2e.house import FEW_STEPS, House, Person, open_house


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One hub for all tests that do not break it."""
    with open_house(tmp_path_factory.mktemp("house"), environment=FEW_STEPS) as running:
        yield running


@pytest.fixture(scope="session")
def creator(house: House) -> Person:
    return house.person("creator")


@pytest.fixture(scope="session")
def developer(house: House) -> Person:
    return house.person("developer")


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Recorded]:
    """The recorded prompt, target and expectations by family."""
    return recorded_files(tmp_path_factory.mktemp("recorded"))


@pytest.fixture(scope="session")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("card") / "voice.yaml"
    path.write_text("languages: [zh]\ngender: male\nage: middle\ntags: [tiny]\n")
    return path
