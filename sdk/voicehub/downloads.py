"""Objects come down in parallel, resume where they stopped, and are believed only after their digest is checked.

Each connection asks for at most `RANGE_BYTES` at once and every byte is with the operating system as soon as it is
read, so that a process that is killed at any moment has at most `CHUNK_BYTES` sent again, over all connections.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from blake3 import blake3

from voicehub.cache import Cache
from voicehub.errors import DigestMismatch, NotFound, Unreachable
from voicehub.locking import locked
from voicehub.models import ObjectRef
from voicehub.parallel import Stop, run_all
from voicehub.transport import Transport
from voicehub.uploads import OnBytes, file_digest, ignore_progress

PARALLEL = 4
CHUNK_BYTES = 4 << 20
RANGE_BYTES = CHUNK_BYTES // PARALLEL
PARTIAL = 206
Count = Callable[[int, bool], None]
"""Called with the bytes that are here now, and whether they came over the wire."""


@dataclass(frozen=True)
class Patches:
    """Deltas that, one after the other, make an object of `base`, which is in the cache."""

    deltas: tuple[Wanted, ...]
    base: str


@dataclass(frozen=True)
class Wanted:
    """An object, where the hub serves it, and deltas that lead to it if there are any."""

    object: ObjectRef
    url: str
    patches: Patches | None = None

    @property
    def cost(self) -> int:
        """Bytes that have to come."""
        return sum(delta.object.size for delta in self.patches.deltas) if self.patches else self.object.size


def fetch_all(transport: Transport, cache: Cache, wanted: Sequence[Wanted], on_bytes: OnBytes = ignore_progress) -> int:
    """Brings every object that is not in the cache yet; answers how many bytes came over the wire.

    Raises:
        DigestMismatch: the hub sent other bytes than the manifest names (nothing wrong is kept).
        Unreachable: the hub went away; what came so far is kept for the next try.
    """
    unique = {w.object.digest: w for w in wanted}
    missing = [w for d, w in unique.items() if not cache.blob(d).is_file()]
    counter = _Counter(sum(w.cost for w in missing), on_bytes)
    jobs = [functools.partial(_bring, transport, cache, w, counter.add) for w in missing]
    run_all(jobs, counter.stop, PARALLEL)
    return counter.received


class _Counter:
    def __init__(self, total: int, on_bytes: OnBytes) -> None:
        self._total, self._on_bytes, self._lock = total, on_bytes, Lock()
        self._done = 0
        self.received = 0
        self.stop = Stop()

    def add(self, count: int, received: bool) -> None:
        self.stop.check()
        with self._lock:
            self._done += count
            self.received += count if received else 0
            self._on_bytes(self._done, max(self._total, self._done))


def fetch_file(transport: Transport, wanted: Wanted, target: Path, on_bytes: OnBytes = ignore_progress) -> None:
    """Brings one object to a file, going on where an earlier try stopped; errors as `fetch_all`.

    A file that is there already stays only if it has these very bytes; else it is replaced once they are here.
    """
    _fetch(transport, target, wanted, _Counter(wanted.object.size, on_bytes).add)


def _bring(transport: Transport, cache: Cache, wanted: Wanted, count: Count) -> None:
    """One object: patched from what is here where that works, else whole."""
    if wanted.patches and _patched(transport, cache, wanted.patches, wanted.object.digest, count):
        return
    _fetch(transport, cache.blob(wanted.object.digest), wanted, count)


def _patched(transport: Transport, cache: Cache, patches: Patches, digest: str, count: Count) -> bool:
    """Whether the deltas made the very bytes; whatever is wrong with them, the whole object can still be had."""
    from gptsovits.formats.delta import DeltaError, decode

    paths = [cache.delta(delta.object.digest) for delta in patches.deltas]
    made: bytes | memoryview = b""
    try:
        for delta, path in zip(patches.deltas, paths, strict=True):
            _fetch(transport, path, delta, count)
        made = cache.blob(patches.base).read_bytes()
        for path in paths:
            made = decode(path.read_bytes(), made)
    except (DeltaError, DigestMismatch, NotFound, OSError):
        return False
    finally:
        for path in paths:
            path.unlink(missing_ok=True)
    if blake3(made).hexdigest() != digest:
        return False
    cache.keep_blob(digest, made)
    return True


def _fetch(transport: Transport, target: Path, wanted: Wanted, count: Count) -> None:
    partial = target.with_name(f"{target.name}.part")
    partial.parent.mkdir(parents=True, exist_ok=True)
    with locked(partial, lambda: count(0, False)):
        if target.is_file() and file_digest(target) == wanted.object.digest:  # brought before, or by another process
            partial.unlink(missing_ok=True)
            return
        if partial.stat().st_size > wanted.object.size > 0:  # of something else
            os.truncate(partial, 0)
        count(partial.stat().st_size, False)
        _receive_all(transport, wanted, partial, count)
        _believe(partial, target, wanted.object.digest)


def _receive_all(transport: Transport, wanted: Wanted, partial: Path, count: Count) -> None:
    """Range after range (at once where the size is not known); fails as requests do, after tries that bring nothing."""
    failures = 0
    while (have := partial.stat().st_size) < wanted.object.size or not wanted.object.size:
        try:
            _receive(transport, wanted, partial, have, count)
            failures = 0
            if not wanted.object.size:
                return
        except Unreachable:
            failures = failures + 1 if partial.stat().st_size == have else 1
            if not transport.again(failures):
                raise
            count(0, False)  # whoever has stopped all shall not wait for the last try


def _receive(transport: Transport, wanted: Wanted, partial: Path, have: int, count: Count) -> None:
    headers = {"Accept-Encoding": "identity"}
    if have or wanted.object.size > RANGE_BYTES:
        last = min(have + RANGE_BYTES, wanted.object.size) - 1 if wanted.object.size else ""
        headers |= {"Range": f"bytes={have}-{last}", "If-Range": f'"{wanted.object.digest}"'}
    with transport.stream(wanted.url, headers) as response:
        resumed = response.status_code == PARTIAL
        if have and not resumed:
            count(-have, False)
        here = have if resumed else 0
        with _appending(partial, fresh=not resumed) as write:
            for piece in response.iter_raw():
                write(piece)
                count(len(piece), True)
                here += len(piece)
                if here > wanted.object.size > 0:  # no end in sight, and believed it will not be
                    return


@contextmanager
def _appending(path: Path, *, fresh: bool) -> Iterator[Callable[[bytes], None]]:
    """Writes that keep nothing back in this process."""
    with path.open("r+b", buffering=0) as file:
        file.seek(0, os.SEEK_END)
        if fresh:
            file.seek(0)
            file.truncate()

        def write(data: bytes) -> None:
            rest = memoryview(data)
            while rest:
                rest = rest[file.write(rest) :]

        yield write


def _believe(partial: Path, target: Path, digest: str) -> None:
    hasher = blake3()
    hasher.update_mmap(partial)
    if hasher.hexdigest() != digest:
        partial.unlink()
        hint = "Pull again; if it stays so, tell the hub's operator."
        raise DigestMismatch(f"The bytes of object {digest[:12]}… are not what the manifest names.", hint=hint)
    with partial.open("rb") as file:
        os.fsync(file.fileno())
    os.replace(partial, target)
