"""One process at a time works on a file; the lock ends with the process, however that ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows: two pulls of the same voice at once may then fetch an object twice
    fcntl = None


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the file, which is made if it is absent, until the end of the block; waits for another process."""
    descriptor = _held(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _held(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        if fcntl is None:
            return descriptor
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        try:
            same = os.path.samestat(os.fstat(descriptor), path.stat())
        except FileNotFoundError:
            same = False
        if same:
            return descriptor
        os.close(descriptor)  # whoever held it has renamed or removed it: look again
