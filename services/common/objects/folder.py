"""The embedded object store: a folder of files named by digest.

A put writes a temporary file, syncs it, renames it into place and syncs the folder: after a crash an object is there
whole or not at all. It keeps the file locked meanwhile, so that whoever opens the store next knows what a process that
was killed has left, and removes it.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import unquote, urlsplit

from blake3 import blake3

from services.common.objects.port import Area, ObjectInfo, is_digest


class FolderStore:
    """Objects below one folder: `<area>/<two digits>/<digest>`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for area in Area:
            (root / area.value).mkdir(parents=True, exist_ok=True)
        self._incoming = root / "incoming"
        self._incoming.mkdir(exist_ok=True)
        self._remove_left()

    @classmethod
    def from_url(cls, url: str) -> FolderStore:
        """The store at `file:///path`."""
        return cls(Path(unquote(urlsplit(url).path)))

    def put(self, area: Area, chunks: Iterable[bytes]) -> ObjectInfo:
        """Stores the bytes durably."""
        hasher, size = blake3(), 0
        with self._unfinished() as file:
            for chunk in chunks:
                hasher.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
            digest = hasher.hexdigest()
            target = self._path(area, digest)
            target.parent.mkdir(exist_ok=True)
            with _locked(target.parent, fcntl.LOCK_SH) as folder:
                os.replace(file.name, target)
                os.fsync(folder)
        return ObjectInfo(digest, size)

    def open(self, area: Area, digest: str, offset: int = 0) -> BinaryIO:
        """A stream from `offset`."""
        try:
            stream = self._path(area, digest).open("rb")
        except FileNotFoundError:
            raise KeyError(digest) from None
        stream.seek(offset)
        return stream

    def info(self, area: Area, digest: str) -> ObjectInfo:
        """Digest and size."""
        try:
            return ObjectInfo(digest, self._path(area, digest).stat().st_size)
        except FileNotFoundError:
            raise KeyError(digest) from None

    def delete(self, area: Area, digest: str) -> None:
        """Removes the object if it is there."""
        self._path(area, digest).unlink(missing_ok=True)

    def age(self, area: Area, digest: str) -> float:
        """Seconds since the last put."""
        try:
            return time.time() - self._path(area, digest).stat().st_mtime
        except FileNotFoundError:
            raise KeyError(digest) from None

    def delete_older(self, area: Area, digest: str, seconds: float) -> bool:
        """Removes what was put long enough ago; puts into the same folder wait meanwhile."""
        path = self._path(area, digest)
        if not path.parent.exists():
            return True
        with _locked(path.parent, fcntl.LOCK_EX), suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime < seconds:
                return False
            path.unlink()
        return True

    def digests(self, area: Area) -> Iterator[str]:
        """All digests of an area."""
        return (path.name for path in (self._root / area.value).glob("??/*"))

    @contextmanager
    def _unfinished(self) -> Iterator[IO[bytes]]:
        """A file that is locked until it has its name, and removed if it gets none."""
        with _locked(self._incoming, fcntl.LOCK_SH):
            file = tempfile.NamedTemporaryFile(dir=self._incoming, delete=False)  # noqa: SIM115 - closed below
            with suppress(OSError):  # on a volume without locks nothing is removed, either
                fcntl.flock(file, fcntl.LOCK_EX)
        with file:
            try:
                yield file
            except BaseException:
                with suppress(FileNotFoundError):
                    os.unlink(file.name)
                raise

    def _remove_left(self) -> None:
        """Removes the files of puts whose process is gone: nobody holds their lock. Without locks it removes none."""
        with suppress(OSError), _locked(self._incoming, fcntl.LOCK_EX):
            for path in self._incoming.iterdir():
                with suppress(OSError), path.open("r+b") as file:  # has its name by now, or is somebody's still
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()

    def _path(self, area: Area, digest: str) -> Path:
        if not is_digest(digest):
            raise KeyError(digest)
        return self._root / area.value / digest[:2] / digest


@contextmanager
def _locked(folder: Path, kind: int) -> Iterator[int]:
    """A descriptor of the folder, locked: shared by who puts, alone for who looks at an age and removes."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)
