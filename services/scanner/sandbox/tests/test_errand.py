"""A job that travels in a folder, as to the pod of a ScanJob. The inner wall is real; bubblewrap plays the pod."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from services.scanner.sandbox import Job, Limits, errand
from services.scanner.sandbox.channel import frames

PROBES = "services.scanner.sandbox.tests.probes"
LIMITS = Limits(memory=1 << 30, cpu_seconds=20, wall_seconds=60.0, output=1 << 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "scan"
    made.mkdir()
    tmp_path.chmod(0o755)
    return made


def pod(folder: Path) -> list[str | Path]:
    """Not root, no network, a read-only root, one folder to write."""
    shown, result = folder.parent, folder / errand.RESULT
    user = ["--unshare-user", "--uid", "61184", "--gid", "61184", "--unshare-pid", "--unshare-net"]
    # Ours once more: a folder in memory lies below /dev, which is another one in there.
    own: list[str | Path] = ["--ro-bind", shown, shown, "--bind", result, result]
    return ["bwrap", *user, "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", *own, "--"]


def travel(folder: Path, tmp_path: Path, probe: str, **argument: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    inputs = tmp_path / "inputs"
    inputs.mkdir(exist_ok=True)
    (inputs / "input.txt").write_text("a voice")
    job = Job(PROBES, {"probe": probe, "inputs": str(inputs), **argument}, inputs, LIMITS)
    errand.pack(job, folder, folder)
    done = subprocess.run([*pod(folder), sys.executable, "-m", "services.scanner.sandbox.inside", folder], timeout=120)
    assert done.returncode == 0
    said = errand.read_outcome(folder)
    assert said is not None
    with errand.open_result(folder, errand.FRAMES) as file:
        return said, [frame.header for frame in frames(file)]


def test_a_job_reads_its_inputs_where_they_are_inside(folder: Path, tmp_path: Path) -> None:
    said, seen = travel(folder, tmp_path, "nothing")
    outcome = errand.outcome_of(said, {"outer": "pod"})
    assert seen == [{"kind": "reached", "what": "a voice"}]
    assert (outcome.status, outcome.walls["outer"], outcome.attempts) == ("finished", "pod", ())


def test_the_inner_wall_stands_and_its_attempts_come_back(folder: Path, tmp_path: Path) -> None:
    said, seen = travel(folder, tmp_path, "socket")
    assert seen[0]["kind"] == "stopped"
    assert [one.syscall for one in errand.outcome_of(said, {}).attempts] == ["socket"]


def test_it_does_not_read_outside(folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    _, seen = travel(folder, tmp_path, "read", path=str(secret))
    assert seen[0]["kind"] == "stopped"


def test_a_result_that_is_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(json.dumps({"status": "finished"}))
    (folder / errand.RESULT).mkdir()
    (folder / errand.RESULT / errand.OUTCOME).symlink_to(tmp_path / "secret")
    os.mkfifo(folder / errand.RESULT / errand.FRAMES)
    assert errand.read_outcome(folder) is None
    with pytest.raises(OSError, match="no file"):
        errand.open_result(folder, errand.FRAMES)


@pytest.mark.parametrize("said", [{}, {"status": "fine"}, {"status": "finished", "exit_code": [], "signal": None}])
def test_what_is_no_outcome_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"no"):
        errand.outcome_of(said, {})
