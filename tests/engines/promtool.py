"""promtool, which checks metrics and rules of Prometheus, built from its Go module.

`go install` refuses a module that replaces others, so it is built in the module's own folder. Without the tag it would
compile the clients of thirty clouds for service discovery.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.engines.cache import made
from tests.engines.golang import build, module, stamps
from tests.engines.maven import LOCKS

LOCK = LOCKS / "promtool.module"
"""Path, version and hash (as in go.sum) of the module."""
TAGS = "remove_all_sd"


def promtool() -> Path:
    """The program, built once: three CPU minutes. RuntimeError if Go cannot bring it."""
    return made("promtool", LOCK.read_bytes() + TAGS.encode(), _build) / "promtool"


def _build(folder: Path) -> None:
    source = module(*LOCK.read_text().split())
    build(source, "./cmd/promtool", folder / "promtool", "-tags", TAGS, f"-ldflags={stamps({})}")


def check(*arguments: str | Path, given: str = "") -> str:
    """Runs promtool with `given` as its standard input; AssertionError with what it found wrong."""
    done = subprocess.run([promtool(), *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
