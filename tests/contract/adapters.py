"""The adapters that each contract suite runs against: name → how to make a URL of a fresh one below a folder.

A further engine joins by one entry here; it is listed only where it runs.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Url = Callable[[Path], str]
EVENTS: dict[str, Url] = {"sqlite": lambda folder: f"sqlite:///{folder / 'events.sqlite'}"}
OBJECTS: dict[str, Url] = {"folder": lambda folder: f"file://{folder / 'objects'}"}
DATABASES: dict[str, Url] = {"sqlite": lambda folder: f"sqlite:///{folder / 'service.sqlite'}"}


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
