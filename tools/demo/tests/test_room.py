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
        demo.REPORT.write_text("{}")
        assert demo._set_aside(Output())
        assert not demo.HUB.exists()
        assert (demo.BEFORE / "stage" / "hub" / "mine").read_text() == told


def test_a_story_that_ended_early_takes_no_room_from_one_that_was_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    aside = demo.BEFORE / "stage" / "hub"
    for hub, mine in ((aside, "told"), (demo.HUB, "cut short")):
        hub.mkdir(parents=True)
        (hub / "mine").write_text(mine)
    for _ in range(2):  # the second time there is nothing to put aside
        assert demo._set_aside(Output())
        assert (aside / "mine").read_text() == "told"
        assert (demo.UNFINISHED / "stage" / "hub" / "mine").read_text() == "cut short"
        assert not demo.HUB.exists()


@pytest.mark.parametrize(
    ("which", "told"), [(demo.HUB, False), (demo.UNFINISHED / "stage/hub", False), (demo.BEFORE / "stage/hub", True)]
)
def test_a_hub_that_runs_is_left_alone(
    which: Path, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for hub in {demo.HUB, which}:
        hub.mkdir(parents=True)
    if told:
        demo.REPORT.write_text("{}")
    with FolderLock(which):
        assert not demo._set_aside(Output())
    assert which.exists()
    assert "running" in capsys.readouterr().err


def test_what_cannot_be_moved_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    demo.FOLDER.parent.mkdir()
    demo.FOLDER.write_text("no folder")
    assert not demo._set_aside(Output())
    assert "by hand" in capsys.readouterr().err
