"""What `voicehub up --engines` takes from the file of `make engines-up`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.launcher.engines import ALSO, CHOSEN, read_engines
from services.launcher.errors import CannotStart

URLS = {name: f"url-of-{name}" for name in (*CHOSEN, *ALSO, "VOICEHUB_OTHER_URL")}


def written(folder: Path, names: tuple[str, ...]) -> Path:
    file = folder / "engines.json"
    file.write_text(json.dumps({"environment": {name: URLS[name] for name in names}}))
    return file


def test_search_and_triton_are_taken_where_they_run_and_not_missed_where_they_do_not(tmp_path: Path) -> None:
    assert set(read_engines(written(tmp_path, (*CHOSEN, *ALSO)))) == {*CHOSEN, *ALSO}
    assert set(read_engines(written(tmp_path, CHOSEN))) == set(CHOSEN)
    assert "VOICEHUB_OTHER_URL" not in read_engines(written(tmp_path, tuple(URLS)))


def test_what_a_hub_must_have_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match="VOICEHUB_EVENTS_URL"):
        read_engines(written(tmp_path, (CHOSEN[0], *CHOSEN[2:], *ALSO)))
    with pytest.raises(CannotStart, match="No engines run"):
        read_engines(tmp_path / "nothing.json")
