"""What a hub keeps in files beside its engines: keys, bases, uploads under way, the certificate of provenance."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.common.backup.errors import BackupError
from services.common.backup.shelf import digest_of
from services.common.objects import Area
from services.common.objects.folder import FolderStore
from services.common.objects.port import chunks_of
from services.common.settings import Settings


def trees(settings: Settings) -> dict[str, Path]:
    """The folders by the names that they have in a backup."""
    return {
        "keys": settings.keys,
        "bases": settings.bases,
        "uploads": settings.data / "uploads",
        "provenance": settings.data / "inference" / "provenance",
    }


def save(folders: Mapping[str, Path], store: FolderStore) -> list[dict[str, Any]]:
    """Copies what is not there yet; answers a line for each file. One that goes meanwhile was no longer needed."""
    saved: list[dict[str, Any]] = []
    for name, folder in folders.items():
        for path in _files(folder):
            try:
                mode = path.stat().st_mode & 0o777
                with path.open("rb") as stream:
                    info = store.put(Area.SERVED, chunks_of(stream))
            except FileNotFoundError:
                continue
            place = path.relative_to(folder).as_posix()
            saved.append({"tree": name, "path": place, "mode": mode, "digest": info.digest, "size": info.size})
    return saved


def put_back(saved: list[dict[str, Any]], folders: Mapping[str, Path], store: FolderStore) -> int:
    """Writes the files that are missing; answers how many. BackupError if one is there with other contents."""
    written = 0
    for one in saved:
        target = folders[one["tree"]] / one["path"]
        if target.exists():
            if digest_of(target) != one["digest"]:
                raise BackupError(f"{target} is there with other contents.", "Restore into an empty hub.")
            continue
        _write(target, one, store)
        written += 1
    return written


def _write(target: Path, one: Mapping[str, Any], store: FolderStore) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.restoring")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, one["mode"])
        with os.fdopen(descriptor, "wb") as file, store.open(Area.SERVED, one["digest"]) as stream:
            for chunk in chunks_of(stream):
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except KeyError as error:
        raise BackupError(f"The contents of {target} are not in the backup.", "Use another copy of it.") from error
    except OSError as error:
        raise BackupError(
            f"{target} cannot be written: {error.strerror or error}.",
            "On a cluster, keys come from a Secret: make it with voicehub-admin keys secret --from DIR, then go on with"
            " --without keys.",
        ) from error
    if digest_of(unfinished) != one["digest"]:
        unfinished.unlink()
        raise BackupError(f"The contents of {target} in the backup are damaged.", "Use another copy of it.")
    unfinished.replace(target)


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith(".restoring"))
