"""Folders as objects: a tar archive goes to the object store and comes back from it."""

from __future__ import annotations

import shutil
import tarfile
import tempfile
from pathlib import Path
from typing import IO

from services.common.objects import Area, ObjectInfo, ObjectStore
from services.common.objects.port import chunks_of

AREA = Area.QUARANTINE
"""Never served: a checkpoint and a voice that nobody has scanned yet."""
PARTIAL = ".partial"
"""The suffix under which a trainer writes what it then renames."""
ATTEMPTS = 5


def pack(objects: ObjectStore, folder: Path, job_id: str) -> ObjectInfo:
    """Stores the files of a folder; the same files of the same job make the same object.

    Those of another job make another, whatever is in them: what one job no longer needs is removed, and what a worker
    has stored of another may not have been heard of yet.

    Another process may be writing there: what it has not renamed into place yet (`*.partial`) is left out, and when a
    file is gone that was there, the folder is read again. FileNotFoundError when that happens `ATTEMPTS` times.
    """
    with tempfile.TemporaryFile() as file:
        for attempt in range(1, ATTEMPTS + 1):
            file.seek(0)
            file.truncate()
            try:
                _write(folder, file, job_id)
                break
            except FileNotFoundError:
                if attempt == ATTEMPTS:
                    raise
        file.seek(0)
        return objects.put(AREA, chunks_of(file))


def _write(folder: Path, file: IO[bytes], job_id: str) -> None:
    with tarfile.open(fileobj=file, mode="w") as archive:
        for path in sorted(one for one in folder.rglob("*") if one.is_file() and one.suffix != PARTIAL):
            with path.open("rb") as content:  # once open it stays what it is, whatever takes its place
                entry = archive.gettarinfo(arcname=str(path.relative_to(folder)), fileobj=content)
                archive.addfile(_nameless(entry), content)
    file.write(job_id.encode())  # behind the end of the archive, where nobody reads


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
