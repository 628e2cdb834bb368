"""One hub per data folder, by a lock that the kernel drops when the holder dies."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from services.launcher.errors import AlreadyRunning


class FolderLock:
    """An exclusive lock on `<data>/lock`; a context manager."""

    def __init__(self, data: Path) -> None:
        self._path = data / "lock"
        self._descriptor = -1

    def __enter__(self) -> FolderLock:
        # Databases and private objects are nobody else's business on a shared machine.
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._descriptor)
            raise AlreadyRunning(
                f"A hub is running already from {self._path.parent}.",
                hint="Use it (its address is in hub.json there), stop it, or give another folder with --data.",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
