"""How a backup lies in its folder.

    objects/<area>/…   every object by its digest, shared by all cuts: a second backup copies only what is new
    files/served/…     the contents of files beside the engines (keys, bases, uploads under way), by digest too
    cuts/<time>/       the tables of one moment: SERVICE.jsonl.gz, events.jsonl.gz, cut.json, and when all is there
                       files.json, objects.json, complete.json

A cut without complete.json was interrupted; the next backup finishes it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from blake3 import blake3

from services.common.backup.errors import BackupError
from services.common.objects.folder import FolderStore

FORMAT = 1
COMPLETE = "complete.json"


@dataclass(frozen=True)
class Cut:
    """The state of all tables at one moment.

    Attributes:
        folder: where it lies; its name is the moment, UTC.
    """

    folder: Path

    @property
    def id(self) -> str:
        """The moment."""
        return self.folder.name

    @property
    def complete(self) -> bool:
        """Whether everything that it needs is there."""
        return (self.folder / COMPLETE).exists()

    def read(self, name: str) -> Any:
        """One of its JSON files."""
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def write(self, name: str, content: Any) -> None:
        """Writes a JSON file whole or not at all."""
        unfinished = self.folder / f".{name}"
        with unfinished.open("w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self.folder / name)

    def check(self) -> None:
        """BackupError if a file is not the one that was written, or the format is of another program."""
        described = self.read("cut.json")
        if described["format"] != FORMAT:
            raise BackupError(
                f"The backup has format {described['format']}, not {FORMAT}.",
                "Restore it with the program that made it.",
            )
        for name, digest in described["digests"].items():
            path = self.folder / name
            if not path.exists() or digest_of(path) != digest:
                raise BackupError(f"{path} is not what was written.", "Use another cut or copy of the backup.")


class BackupFolder:
    """A backup."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._cuts = root / "cuts"

    def prepare(self) -> None:
        """Makes the folders; there are private keys in them, so they are nobody else's business."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._cuts.mkdir(exist_ok=True)
        for rest in self._cuts.glob(".*"):  # of a cut that died half-way
            shutil.rmtree(rest)

    def objects(self) -> FolderStore:
        """The hub's objects."""
        return FolderStore(self.root / "objects")

    def files(self) -> FolderStore:
        """Contents of the files beside the engines."""
        return FolderStore(self.root / "files")

    def cuts(self) -> list[Cut]:
        """All of them, oldest first."""
        return [Cut(path) for path in sorted(self._cuts.iterdir())] if self._cuts.is_dir() else []

    def newest(self, name: str = "") -> Cut:
        """The newest complete cut, or the one of that name; BackupError."""
        for cut in reversed(self.cuts()):
            if cut.complete and name in ("", cut.id):
                return cut
        raise BackupError(
            f"There is no complete backup {name or 'at all'} in {self.root}.", "Finish it: voicehub-admin backup DIR."
        )

    def new_cut(self, fill: Callable[[Path], None]) -> Cut:
        """A cut whose folder appears when `fill` has written all tables into it."""
        name = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S.%fZ")
        unfinished = self._cuts / f".{name}"
        unfinished.mkdir()
        fill(unfinished)
        unfinished.rename(self._cuts / name)
        return Cut(self._cuts / name)


def digest_of(path: Path) -> str:
    """BLAKE3-256 of a file, 64 hex digits."""
    hasher = blake3()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            hasher.update(chunk)
    return hasher.hexdigest()
