"""Real processes that the suites start and kill."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def child(program: str, *arguments: str) -> subprocess.Popen[str]:
    """A real process that runs one of the programs beside this file and reports on its standard output."""
    command = [sys.executable, "-m", f"tests.contract.{program}", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def lines_until_killed(process: subprocess.Popen[str], count: int) -> list[str]:
    """Reads `count` lines, kills the process with SIGKILL, and answers all that it had said."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(count)]
    process.kill()
    said += process.stdout.readlines()
    process.wait()
    process.stdout.close()
    return [line.strip() for line in said if line.endswith("\n")]
