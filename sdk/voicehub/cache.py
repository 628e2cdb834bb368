"""The cache on disk: every object once, versions as folders of links to them, refs as small files.

```
cache/blobs/<digest>                          bytes by their BLAKE3-256 digest
cache/voices/<owner>--<name>/refs/<ref>       version id, and below it the hub that said so
cache/voices/<owner>--<name>/snapshots/<id>/  version.json and links into blobs/
cache/bases/<digest>/                         links into blobs/
cache/deltas/<digest>                         deltas on their way; gone once they are applied
```
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path, PurePosixPath

from voicehub.decoding import decode, encode
from voicehub.errors import NotFound, Unreadable
from voicehub.home import home, write_private
from voicehub.models import Version
from voicehub.names import VoiceName, is_plain

MANIFEST = "version.json"
NOTHING = "-"
"""Stands for a version or a base that is not known; there is never a folder of this name."""
CLAIMED = "unverified:"
_DIGEST = re.compile(r"[0-9a-f]{64}")
HINT = "Tell the hub's operator."


class Cache:
    """The cache below one folder (default: `$VOICEHUB_HOME/cache`)."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "cache"

    def blob(self, digest: str) -> Path:
        """Where the bytes of `digest` are, or would be."""
        return self.folder / "blobs" / _digest(digest)

    def delta(self, digest: str) -> Path:
        """Where a delta lies while it is brought and applied."""
        return self.folder / "deltas" / _digest(digest)

    def keep_blob(self, digest: str, data: bytes | memoryview) -> None:
        """Keeps bytes whose digest was checked; they appear whole or not at all."""
        path = self.blob(digest)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    def versions(self) -> list[tuple[VoiceName, Version]]:
        """All versions that were pulled, by voice and id; damaged manifests are left out."""
        found = []
        for manifest in sorted((self.folder / "voices").glob(f"*/snapshots/*/{MANIFEST}")):
            owner, _, name = manifest.parents[2].name.partition("--")
            owner = owner.replace("=", "-")
            try:
                version = decode(Version, json.loads(manifest.read_text(encoding="utf-8")))
                check_names(version)
            except (ValueError, Unreadable):
                continue
            if version.id != manifest.parent.name:
                continue
            found.append((VoiceName(owner, name, version.id), version))
        return found

    def voice(self, name: VoiceName) -> Path:
        """The folder of one voice, and of no other: an owner whose own hyphens would hide where it ends has others."""
        hides = "--" in name.owner or name.owner.endswith("-")
        owner = name.owner.replace("-", "=") if hides else name.owner
        return self.folder / "voices" / f"{owner}--{name.name}"

    def snapshot(self, name: VoiceName, version: str) -> Path:
        """The folder of one version."""
        return self.voice(name) / "snapshots" / (version if version == NOTHING else plain(version))

    def base(self, digest: str) -> Path:
        """The folder of one base; one that a voice only claims to need (`unverified:NAME`) is nowhere."""
        known = digest != NOTHING and not digest.startswith(CLAIMED)
        return self.folder / "bases" / (_digest(digest) if known else NOTHING)

    def keep_version(self, name: VoiceName, version: Version, hub: str = "") -> Path:
        """Writes the manifest of a version, and the ref it was asked by, of which `hub`; answers its folder."""
        check_names(version)
        folder = self.snapshot(name, version.id)
        write_private(folder / MANIFEST, json.dumps(encode(version), ensure_ascii=False, indent=1))
        write_private(self.voice(name) / "refs" / (name.ref or "main"), f"{version.id}\n{hub}".rstrip())
        return folder

    def noted(self, name: VoiceName) -> tuple[str, str]:
        """The version that the ref meant when it was pulled last, and the address of that hub; empty if not known."""
        reference = self.voice(name) / "refs" / (name.ref or "main")
        version, _, hub = reference.read_text(encoding="utf-8").partition("\n") if reference.is_file() else ("", "", "")
        return version, hub

    def find(self, name: VoiceName) -> tuple[Version, Path]:
        """A version pulled before, and its folder; NotFound says how to pull it."""
        manifest = self.snapshot(name, self.noted(name)[0] or name.ref or NOTHING) / MANIFEST
        if not manifest.is_file():
            raise NotFound(f"{name} is not on this machine.", hint=f"Pull it first: voicehub pull {name}")
        try:
            version = decode(Version, json.loads(manifest.read_text(encoding="utf-8")))
            check_names(version)
        except ValueError as error:
            raise Unreadable(f"{manifest} is damaged.", hint=f"Pull it again: voicehub pull {name}") from error
        return version, manifest.parent

    def link(self, folder: Path, path: str, digest: str) -> Path:
        """Makes `folder/path` the bytes of `digest`: a relative link, or a copy where links are not possible."""
        target = folder / safe_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        blob = self.blob(digest)
        try:
            target.symlink_to(os.path.relpath(blob, target.parent))
        except OSError:
            target.write_bytes(blob.read_bytes())
        return target


def safe_path(path: str) -> Path:
    """A path from a manifest that stays inside its folder; Unreadable otherwise."""
    pure = PurePosixPath(path)
    if not path or pure.is_absolute() or ".." in pure.parts or "\\" in path or "\0" in path or path.startswith("~"):
        raise Unreadable(f"The manifest names a file outside its folder: {path!r}.", hint=HINT)
    return Path(*pure.parts)


def plain(name: str) -> str:
    """An id or a name from a manifest that is one plain part of a path; Unreadable otherwise."""
    if not is_plain(name):
        raise Unreadable(f"The manifest has a name that is none: {name!r}.", hint=HINT)
    return name


def check_names(version: Version) -> None:
    """Unreadable if the id or a digest of a manifest is none: they become paths on this machine."""
    plain(version.id)
    for file in (*version.files, *version.bundle):
        _digest(file.object.digest)
    for tensor in version.tensors:
        _digest(tensor.digest)


def _digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise Unreadable(f"The manifest has a digest that is none: {text!r}.", hint=HINT)
    return text
