"""Which voices people may hear, remembered for a moment: who speaks sentence after sentence asks for one voice."""

from __future__ import annotations

import time
from collections.abc import Callable

from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1.catalog_pb2 import Version

REMEMBERED_SECONDS = 1.0
"""So long somebody may still begin to hear a voice that another gateway has just made private."""
MOST = 1_000
Name = tuple[str, str, str]
"""Owner, name and ref."""


class Remembered:
    """Answers of the catalog, forgotten after `REMEMBERED_SECONDS` or by whatever changes something. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[Identity, Name], tuple[float, Version]] = {}

    def version(self, identity: Identity, name: Name, ask: Callable[[], Version]) -> Version:
        """The version that a name means for somebody; what `ask` raises is not remembered."""
        known, now = self._known, self._clock()
        asked, version = known.get((identity, name), (now, None))
        if version is not None and now - asked < REMEMBERED_SECONDS:
            return version
        version = ask()
        if len(known) >= MOST:
            self.forget()
        known[identity, name] = (now, version)  # nobody looks into it any more if all was forgotten meanwhile
        return version

    def forget(self) -> None:
        """After a change: what was asked for before it ended is not used again."""
        self._known = {}
