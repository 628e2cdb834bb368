"""Layers: folders as tar files that come out the same, whoever packs them and when."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.cache import digest

EPOCH = 1_735_689_600
"""2025-01-01, the time of every file."""
GZIP_NONE = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Layer:
    """A tar file; its digest is that of its content as well, because it is not compressed.

    Attributes:
        path: of the tar file.
        digest: SHA-256, 64 hex digits.
        about: what is in it.
    """

    path: Path
    digest: str
    about: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


def pack(folder: Path, target: Path) -> None:
    """Writes a folder's content as a tar file: sorted, of root, of one time, readable by all."""
    with tarfile.open(target, "w", format=tarfile.PAX_FORMAT) as archive:
        for path in _sorted(folder):
            entry = archive.gettarinfo(path, str(path.relative_to(folder)))
            entry.uid = entry.gid = 0
            entry.uname = entry.gname = ""
            entry.mtime = EPOCH
            entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
            if entry.islnk():  # the installer's cache has it twice; a layer shall not depend on that
                entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", path.stat().st_size
            if entry.isreg():
                with path.open("rb") as content:
                    archive.addfile(entry, content)
            else:
                archive.addfile(entry)


def read(path: Path, about: str) -> Layer:
    """The layer of a tar file; its digest is kept beside it."""
    beside = path.with_name(f"{path.name}.sha256")
    if not beside.exists():
        beside.write_text(digest(path))
    return Layer(path, beside.read_text(), about)


def folder_digest(folder: Path) -> str:
    """SHA-256 over names and contents."""
    sums = hashlib.sha256()
    for path in _sorted(folder):
        if path.is_file():
            sums.update(f"{path.relative_to(folder)}\0{digest(path)}\n".encode())
    return sums.hexdigest()


def _sorted(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*"))
