"""What this machine has, for tests that need more than Python: see tests/cannot-run-here.toml."""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

LIST = Path("tests/cannot-run-here.toml")


@dataclass(frozen=True)
class Listed:
    """A test (node id, file or folder) and what it requires."""

    id: str
    requires: str


def _program(*names: str) -> Callable[[], bool]:
    return lambda: any(shutil.which(name) for name in names)


CHECKS: Mapping[str, Callable[[], bool]] = {
    "gpu": lambda: Path("/dev/nvidia0").exists(),
    "bubblewrap": _program("bwrap"),
    "chromium": _program("chromium", "chromium-browser", "google-chrome"),
    "faketime": lambda: any(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")),
    "go": _program("go"),
    "mount": lambda: os.geteuid() == 0,
    "display": lambda: bool(os.environ.get("DISPLAY")),
}


def not_runnable(path: Path = LIST) -> list[Listed]:
    """The listed tests whose requirement is not met here; ValueError for a requirement nobody can check."""
    listed = [Listed(**entry) for entry in tomllib.loads(path.read_text(encoding="utf-8")).get("test", ())]
    unknown = {one.requires for one in listed} - set(CHECKS)
    if unknown:
        raise ValueError(f"{path}: unknown requirement {', '.join(sorted(unknown))}; known: {', '.join(CHECKS)}")
    return [one for one in listed if not CHECKS[one.requires]()]
