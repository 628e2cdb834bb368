"""Where the tests of a suite write: a folder in memory where there is room, else where the system says.

The suites kill processes, never the machine, and a process that dies by -9 loses nothing that it has written, synced or
not. So waiting until a disk has each commit and each object proves nothing; it takes milliseconds each time, though,
and a push has hundreds of them. What a disk costs is measured by the benches; full disks have tests of their own.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 (a folder of our own is made in it)
ROOM = 8 << 30
"""Bytes that must be free there, and in memory as a whole."""
_NAME = re.compile(r"voicehub-tests-(\d+)-\w+")


@contextmanager
def scratch(suite: str, folder: Path = MEMORY, *, allowed: bool = True) -> Iterator[Mapping[str, str]]:
    """What the environment of the suite says about it; nothing if not `allowed`, without room, or if TMPDIR is set.

    It is removed at the end, but for what a failed test leaves to be looked at: that stays until the next run.
    """
    _remove_left(folder)
    if not allowed or "TMPDIR" in os.environ or not has_room(folder):
        yield {}
        return
    own = folder / f"voicehub-tests-{os.getpid()}-{suite}"
    own.mkdir(mode=0o700)
    try:
        yield {"TMPDIR": str(own)}
    finally:
        if not any(own.glob("pytest-of-*/pytest-*/*")):
            shutil.rmtree(own, ignore_errors=True)


def has_room(folder: Path) -> bool:
    """Whether programs can be run from the folder and it has room, and the machine has it too."""
    if not os.access(folder, os.W_OK):
        return False
    place = os.statvfs(folder)
    return not place.f_flag & os.ST_NOEXEC and min(place.f_bavail * place.f_frsize, _available()) > ROOM


def _available() -> int:
    """Bytes of memory that programs can still have."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def _remove_left(folder: Path) -> None:
    """What runs left whose processes have ended."""
    for path in folder.glob("voicehub-tests-*"):
        found = _NAME.fullmatch(path.name)
        if found and not Path(f"/proc/{found[1]}").exists():
            shutil.rmtree(path, ignore_errors=True)
