"""Where the container runtime keeps images: in the cache, so that five gigabytes of torch are unpacked once."""

from __future__ import annotations

import fcntl
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tools.cache import root


class ImageStore:
    """The folder, for one cluster at a time; who comes second has one of its own below `home`. A context manager."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock: IO[str] | None = None
        self.folder = home / "containerd"

    def __enter__(self) -> Self:
        kept = root() / "cluster" / "containerd"
        kept.parent.mkdir(parents=True, exist_ok=True)
        lock = kept.with_suffix(".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
        else:
            self._lock, self.folder = lock, kept
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock:
            self._lock.close()
