"""One process at a time works on a file; the lock ends with the process, however that ends."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: two pulls of the same voice at once may then fetch an object twice
    fcntl = None


SECONDS = 0.05
"""Between two looks at a file that another process holds."""


@contextmanager
def locked(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Holds the file, which is made if it is absent, until the end of the block; waits for another process.

    `waiting` is called again and again meanwhile; it may raise to wait no more.
    """
    descriptor = _held(path, waiting)
    try:
        yield
    finally:
        os.close(descriptor)


def _held(path: Path, waiting: Callable[[], None]) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is None:
            return descriptor
        try:
            _wait(fcntl, descriptor, waiting)
        except BaseException:
            os.close(descriptor)
            raise
        try:
            same = os.path.samestat(os.fstat(descriptor), path.stat())
        except FileNotFoundError:
            same = False
        if same:
            return descriptor
        os.close(descriptor)  # whoever held it has renamed or removed it: look again


def _wait(locks: ModuleType, descriptor: int, waiting: Callable[[], None]) -> None:
    while True:
        try:
            locks.flock(descriptor, locks.LOCK_EX | locks.LOCK_NB)
        except BlockingIOError:
            waiting()
            time.sleep(SECONDS)
        else:
            return
