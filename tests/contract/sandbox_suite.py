"""What every adapter of the sandbox port keeps; the full list of escapes is tried in tests/security/test_sandbox.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.scanner.sandbox import Job, Limits, Outcome, Walls, open_sandbox

PROBES = "services.scanner.sandbox.tests.probes"
LIMITS = Limits(cpu_seconds=20, wall_seconds=60.0, memory=2048 << 20, output=1 << 20)


class SandboxContract:
    """The suite; a subclass gives the fixture `walls`."""

    @pytest.fixture
    def inputs(self, tmp_path: Path) -> Path:
        folder = tmp_path / "inputs"
        folder.mkdir()
        (folder / "input.txt").write_text("for the job")
        for place in (tmp_path.parent, tmp_path, folder):
            place.chmod(0o755)
        return folder

    def run(self, walls: Walls, inputs: Path, probe: str, limits: Limits = LIMITS, **more: Any) -> tuple[Outcome, Any]:
        answers: list[dict[str, Any]] = []
        job = Job(PROBES, {"probe": probe, "inputs": str(inputs), **more}, inputs, limits, needs_outer=True)
        outcome = walls.run(job, lambda frame: answers.append(frame.header))
        return outcome, answers[0] if answers else None

    def test_honest_work_is_done_behind_both_walls(self, walls: Walls, inputs: Path) -> None:
        outcome, answer = self.run(walls, inputs, "nothing")
        assert answer == {"kind": "reached", "what": "for the job"}
        assert (outcome.finished, outcome.attempts) == (True, ())
        assert walls.has_outer_wall
        assert {"outer", "landlock", "seccomp"} <= set(outcome.walls)

    def test_what_is_tried_is_refused_and_told(self, walls: Walls, inputs: Path, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("private")
        outcome, answer = self.run(walls, inputs, "socket")
        assert answer["kind"] == "stopped"
        assert "socket" in {one.syscall for one in outcome.attempts}
        outcome, answer = self.run(walls, inputs, "read", path=str(tmp_path / "secret"))
        assert answer["kind"] == "stopped"

    def test_a_crash_is_told_as_one(self, walls: Walls, inputs: Path) -> None:
        outcome, answer = self.run(walls, inputs, "no_such_probe")
        assert (outcome.status, answer) == ("crashed", None)

    @pytest.mark.parametrize("url", ["gopher://x", "kubernetes://namespace", "kubernetes:///?volume=/x"])
    def test_an_unknown_place_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match="VOICEHUB_SANDBOX_URL"):
            open_sandbox(url)
