"""The embedded object store: a folder of files named by digest.

A put writes a temporary file, syncs it, renames it into place and syncs the folder: after a crash an object is there
whole or not at all.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from blake3 import blake3

from services.common.objects.port import Area, ObjectInfo, is_digest


class FolderStore:
    """Objects below one folder: `<area>/<two digits>/<digest>`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        for area in Area:
            (root / area.value).mkdir(parents=True, exist_ok=True)
        (root / "incoming").mkdir(exist_ok=True)

    @classmethod
    def from_url(cls, url: str) -> FolderStore:
        """The store at `file:///path`."""
        return cls(Path(unquote(urlsplit(url).path)))

    def put(self, area: Area, chunks: Iterable[bytes]) -> ObjectInfo:
        """Stores the bytes durably."""
        hasher, size = blake3(), 0
        with tempfile.NamedTemporaryFile(dir=self._root / "incoming", delete=False) as file:
            try:
                for chunk in chunks:
                    hasher.update(chunk)
                    size += len(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            except BaseException:
                os.unlink(file.name)
                raise
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
