"""The registered bases: one folder each, named by digest, with `base.json`, its files and their digests."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blake3 import blake3

from gptsovits.formats.digests import file_digest
from services.common.objects import is_digest

DESCRIPTION, MANIFEST = "base.json", "manifest.json"
KINDS = ("content_encoder", "voice", "bert")
CONTENT_GRAPH = "content.onnx"


class BaseRefused(ValueError):
    """A folder that cannot be registered as a base; says why and what to do."""


@dataclass(frozen=True)
class BaseFile:
    """A file of a base; `size` in bytes."""

    path: str
    digest: str
    size: int


@dataclass(frozen=True)
class RegisteredBase:
    """A base on this hub.

    Attributes:
        folder: where it lies.
        description: `base.json`.
    """

    digest: str
    folder: Path
    description: dict[str, Any]
    files: tuple[BaseFile, ...]

    @property
    def kind(self) -> str:
        """`content_encoder`, `voice` or `bert`."""
        return str(self.description["kind"])

    @property
    def name(self) -> str:
        """For people."""
        return str(self.description["name"])

    @property
    def family(self) -> str:
        """`v2` or `nano`: whose voices it serves."""
        return str(self.description.get("family", ""))

    @property
    def encodes(self) -> bool:
        """It brings a content encoder."""
        return any(file.path == CONTENT_GRAPH for file in self.files)

    @property
    def feature_dim(self) -> int:
        """Width of its content or BERT features."""
        return int(self.description.get("feature_dim", 0))


class BaseRegistry:
    """Bases below one folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def register(self, source: Path) -> RegisteredBase:
        """Copies a described base into the registry; the same base twice is no error.

        Raises:
            BaseRefused: without a usable `base.json`, or with files that differ from it.
        """
        description = _described(source)
        files = tuple(_files(source))
        digest = _identity(description, files)
        target = self._root / digest
        if not (target / MANIFEST).exists() or _content(self._read(target).files) != _content(files):
            self._copy(source, target, {**description, "digest": digest}, files)
        return self._read(target)

    def all(self) -> list[RegisteredBase]:
        """All bases, by name."""
        found = [self._read(path.parent) for path in sorted(self._root.glob(f"*/{MANIFEST}"))]
        return sorted(found, key=lambda base: (base.name, base.digest))

    def encoders(self, required: str, family: str, feature_dim: int) -> list[RegisteredBase]:
        """Content encoders that a voice may use: the one of that digest, or those that fit an unverified kind."""
        fitting = [b for b in self.all() if b.encodes and feature_dim in (0, b.feature_dim)]
        if is_digest(required):
            return [b for b in fitting if b.digest == required]
        root = "nano" if family == "nano" else "v2"
        return [b for b in fitting if b.family == root]

    def berts(self, required: str, feature_dim: int) -> list[RegisteredBase]:
        """BERT models of that width: the one of that digest, or all of them for an unverified kind."""
        fitting = [b for b in self.all() if b.kind == "bert" and b.feature_dim == feature_dim]
        return [b for b in fitting if b.digest == required] if is_digest(required) else fitting

    def _copy(self, source: Path, target: Path, description: dict[str, Any], files: Iterable[BaseFile]) -> None:
        partial = self._root / f".{target.name}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        for file in files:
            copy = partial / file.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / file.path, copy)
        (partial / DESCRIPTION).write_text(json.dumps(description, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
        listed = {file.path: {"digest": file.digest, "size": file.size} for file in _files(partial)}
        (partial / MANIFEST).write_text(json.dumps(listed, indent=1, sort_keys=True) + "\n")
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)

    def _read(self, folder: Path) -> RegisteredBase:
        listed = json.loads((folder / MANIFEST).read_text())
        files = tuple(
            BaseFile(path, str(entry["digest"]), int(entry["size"])) for path, entry in sorted(listed.items())
        )
        return RegisteredBase(folder.name, folder, json.loads((folder / DESCRIPTION).read_text()), files)


def _described(source: Path) -> dict[str, Any]:
    try:
        description = json.loads((source / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaseRefused(f"{source} is no base: {DESCRIPTION} cannot be read ({error}).") from error
    if not isinstance(description, dict) or description.get("kind") not in KINDS or not description.get("name"):
        raise BaseRefused(f"{source / DESCRIPTION} needs a name and a kind, one of {', '.join(KINDS)}.")
    return description


def _files(folder: Path) -> Iterable[BaseFile]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST and "__pycache__" not in path.parts and path.suffix != ".py":
            yield BaseFile(path.relative_to(folder).as_posix(), file_digest(path), path.stat().st_size)


def _content(files: Iterable[BaseFile]) -> dict[str, str]:
    """Digests by path, without the description, which the registry completes."""
    return {file.path: file.digest for file in files if file.path != DESCRIPTION}


def _identity(description: dict[str, Any], files: Iterable[BaseFile]) -> str:
    """The digest of the content graph where there is one, else of the list of files."""
    by_path = _content(files)
    if not by_path:
        raise BaseRefused("The base has no files.")
    listing = "\n".join(f"{path} {digest}" for path, digest in sorted(by_path.items()))
    digest = by_path.get(CONTENT_GRAPH) or str(blake3(listing.encode()).hexdigest())
    claimed = str(description.get("digest") or digest)
    if claimed != digest:
        raise BaseRefused(
            f"The base says that its digest is {claimed[:12]}…, but its files give {digest[:12]}…; get it again."
        )
    return digest
