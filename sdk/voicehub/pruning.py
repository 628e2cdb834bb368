"""What lies in the cache, and what of it nobody needs any more."""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from voicehub.cache import Cache
from voicehub.errors import NotFound
from voicehub.models import Version
from voicehub.names import VoiceName

YOUNG_SECONDS = 3600.0
"""What is younger may belong to a pull under way, whose version is noted only at its end."""


@dataclass(frozen=True)
class Held:
    """A version in the cache: the refs that name it, bytes of its objects here, and of those that no other shares."""

    voice: str
    version: str
    refs: tuple[str, ...]
    size: int
    own: int


@dataclass(frozen=True)
class Pruned:
    """What was (or would be) removed; `freed` in bytes."""

    versions: tuple[str, ...]
    files: int
    freed: int


def held(cache: Cache) -> list[Held]:
    """All versions by voice."""
    versions = cache.versions()
    sizes = {digest: _size(cache.blob(digest)) for _, one in versions for digest in _digests(one)}
    users: dict[str, int] = {}
    for _, one in versions:
        for digest in _digests(one):
            users[digest] = users.get(digest, 0) + 1
    return [_held(cache, voice, one, sizes, users) for voice, one in versions]


def prune(
    cache: Cache, voices: Collection[VoiceName] = (), *, dry: bool = False, young: float = YOUNG_SECONDS
) -> Pruned:
    """Removes `voices`, versions that no ref names, and all objects, deltas and parts that nothing needs then.

    Objects and parts younger than `young` seconds stay.

    Raises:
        NotFound: one of `voices` is not in the cache; nothing is removed then.
    """
    _check_held(cache, voices)
    gone = [(voice, one) for voice, one in cache.versions() if _unwanted(cache, voice, voices)]
    names = {voice.ref: voice for voice, _ in gone}
    needed = {digest for _, one in cache.versions() if one.id not in names for digest in _digests(one)}
    needed |= {path.resolve().name for path in (cache.folder / "bases").rglob("*")}
    files = [path for path in _loose(cache, needed) if time.time() - path.lstat().st_mtime > young]
    freed = sum(path.lstat().st_size for path in files) + sum(_tree(cache, voice) for voice in names.values())
    if not dry:
        for voice in names.values():
            _remove_version(cache, voice)
        for path in files:
            path.unlink(missing_ok=True)
    return Pruned(tuple(map(str, names.values())), len(files), freed)


def _check_held(cache: Cache, voices: Collection[VoiceName]) -> None:
    here = [voice for voice, _ in cache.versions()]
    absent = [one for one in voices if not any(_names(cache, one, voice) for voice in here)]
    if absent:
        raise NotFound(
            f"{', '.join(map(str, absent))} is not in the cache.",
            hint="Nothing was removed; voicehub cache ls prints what is here.",
        )


def _held(cache: Cache, voice: VoiceName, one: Version, sizes: dict[str, int], users: dict[str, int]) -> Held:
    digests = _digests(one)
    own = sum(sizes[digest] for digest in digests if users[digest] == 1)
    return Held(f"{voice.owner}/{voice.name}", one.id, _refs(cache, voice), sum(sizes[d] for d in digests), own)


def _digests(one: Version) -> set[str]:
    files = {file.object.digest for file in (*one.files, *one.bundle)}
    return files | {tensor.digest for tensor in one.tensors}


def _refs(cache: Cache, voice: VoiceName) -> tuple[str, ...]:
    names = sorted(note.name for note in (cache.voice(voice) / "refs").glob("*"))
    return tuple(name for name in names if cache.noted(replace(voice, ref=name))[0] == voice.ref)


def _unwanted(cache: Cache, voice: VoiceName, voices: Collection[VoiceName]) -> bool:
    return any(_names(cache, one, voice) for one in voices) or not _refs(cache, voice)


def _names(cache: Cache, one: VoiceName, voice: VoiceName) -> bool:
    """Whether `one` means the held version `voice`."""
    return (one.owner, one.name) == (voice.owner, voice.name) and one.ref in ("", voice.ref, *_refs(cache, voice))


def _loose(cache: Cache, needed: set[str]) -> Iterator[Path]:
    for folder in ("blobs", "deltas"):
        for path in (cache.folder / folder).glob("*"):
            if path.is_file() and path.name not in needed:
                yield path


def _remove_version(cache: Cache, voice: VoiceName) -> None:
    for name in _refs(cache, voice):
        (cache.voice(voice) / "refs" / name).unlink(missing_ok=True)
    shutil.rmtree(cache.snapshot(voice, voice.ref))


def _tree(cache: Cache, voice: VoiceName) -> int:
    return sum(path.lstat().st_size for path in cache.snapshot(voice, voice.ref).rglob("*") if not path.is_symlink())


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
