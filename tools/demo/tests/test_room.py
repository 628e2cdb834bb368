"""Who has gone on in the hub of the last demo loses nothing by the next one."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.launcher.lock import FolderLock
from tools.demo import __main__ as demo
from voicehub.cli.output import Output


def test_the_hub_of_the_last_time_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for told in ("first", "second"):
        demo.HUB.mkdir(parents=True)
        (demo.HUB / "mine").write_text(told)
        assert demo._set_aside(Output())
        assert not demo.HUB.exists()
        assert (demo.BEFORE / "stage" / "hub" / "mine").read_text() == told


def test_a_hub_that_runs_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    demo.HUB.mkdir(parents=True)
    with FolderLock(demo.HUB):
        assert not demo._set_aside(Output())
    assert demo.HUB.exists()
    assert "running" in capsys.readouterr().err
