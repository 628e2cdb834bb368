"""Objects come down in parallel, resume where they stopped, and are believed only after their digest is checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from blake3 import blake3

from voicehub.cache import Cache
from voicehub.errors import DigestMismatch, Unreachable
from voicehub.models import ObjectRef
from voicehub.transport import Transport
from voicehub.uploads import OnBytes, ignore_progress

PARALLEL = 4
TRIES = 6


@dataclass(frozen=True)
class Wanted:
    """An object and where the hub serves it."""

    object: ObjectRef
    url: str


def fetch_all(transport: Transport, cache: Cache, wanted: Sequence[Wanted], on_bytes: OnBytes = ignore_progress) -> int:
    """Brings every object that is not in the cache yet; answers how many bytes came over the wire.

    Raises:
        DigestMismatch: the hub sent other bytes than the manifest names (nothing wrong is kept).
        Unreachable: the hub went away; what came so far is kept for the next try.
    """
    unique = {w.object.digest: w for w in wanted}
    missing = [w for d, w in unique.items() if not cache.blob(d).is_file()]
    counter = _Counter(sum(w.object.size for w in missing), on_bytes)
    with ThreadPoolExecutor(PARALLEL) as pool:
        for done in [pool.submit(_fetch, transport, cache.blob(w.object.digest), w, counter.add) for w in missing]:
            done.result()
    return counter.received


class _Counter:
    def __init__(self, total: int, on_bytes: OnBytes) -> None:
        self._total, self._on_bytes, self._lock = total, on_bytes, Lock()
        self._done = 0
        self.received = 0

    def add(self, count: int, received: bool) -> None:
        with self._lock:
            self._done += count
            self.received += count if received else 0
            self._on_bytes(self._done, max(self._total, self._done))


def fetch_file(transport: Transport, wanted: Wanted, target: Path, on_bytes: OnBytes = ignore_progress) -> None:
    """Brings one object to a file, going on where an earlier try stopped; errors as `fetch_all`."""
    _fetch(transport, target, wanted, _Counter(wanted.object.size, on_bytes).add)


def _fetch(transport: Transport, target: Path, wanted: Wanted, count: Callable[[int, bool], None]) -> None:
    partial = target.with_name(f"{target.name}.part")
    partial.parent.mkdir(parents=True, exist_ok=True)
    if partial.exists():
        count(partial.stat().st_size, False)
    for attempt in range(1, TRIES + 1):
        try:
            _receive(transport, wanted, partial, count)
            break
        except Unreachable:
            if attempt == TRIES:
                raise
    _believe(partial, target, wanted.object.digest)


def _receive(transport: Transport, wanted: Wanted, partial: Path, count: Callable[[int, bool], None]) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    if have and have == wanted.object.size:
        return
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", "If-Range": f'"{wanted.object.digest}"'}
    with transport.stream(wanted.url, headers) as response:
        resumed = response.status_code == 206
        if have and not resumed:
            count(-have, False)
        with partial.open("ab" if resumed else "wb") as file:
            for piece in response.iter_raw():
                file.write(piece)
                count(len(piece), True)


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
