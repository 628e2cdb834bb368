"""Folders as objects: a tar archive goes to the object store and comes back from it."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path

from services.common.objects import Area, ObjectInfo, ObjectStore
from services.common.objects.port import chunks_of

AREA = Area.QUARANTINE
"""Never served: a checkpoint and a voice that nobody has scanned yet."""


def pack(objects: ObjectStore, folder: Path) -> ObjectInfo:
    """Stores the files of a folder; the same files make the same object."""
    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            for path in sorted(one for one in folder.rglob("*") if one.is_file()):
                archive.add(path, str(path.relative_to(folder)), filter=_nameless)
        file.seek(0)
        return objects.put(AREA, chunks_of(file))


def unpack(objects: ObjectStore, digest: str, folder: Path) -> None:
    """Lays the files into `folder`; KeyError if there is no such object, tarfile.TarError if it holds anything else."""
    folder.mkdir(parents=True, exist_ok=True)
    with objects.open(AREA, digest) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for entry in archive:
            _lay(archive, entry, folder.resolve())


def _lay(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path) -> None:
    """One file; the filters of tarfile are not in every Python 3.11 (Debian 12 has 3.11.2)."""
    target, content = (folder / entry.name).resolve(), archive.extractfile(entry) if entry.isreg() else None
    if content is None or not target.is_relative_to(folder):
        raise tarfile.TarError(f"{entry.name!r} is not a file of this folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        shutil.copyfileobj(content, file)


def _nameless(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    info.mode = 0o644
    return info
