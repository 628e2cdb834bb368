"""Voices that people speak with now, remembered for a moment."""

from __future__ import annotations

import time

from services.common.database import Database
from services.inference import store
from services.inference.domain.voices import Voice

KNOWN_SECONDS = 10.0
"""What a version is made of never changes; how it was exported may, when its base comes or a rule changes."""
MOST = 1_000


class KnownVoices:
    """Reads voices from the database; one that can speak is not read again for `KNOWN_SECONDS`. Thread-safe.

    Whether somebody may hear it is asked of the catalog each time, by whoever calls.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, Voice]] = {}

    def get(self, version_id: str) -> Voice | None:
        """The voice of a version, if its export was tried."""
        now = time.monotonic()
        read, voice = self._known.get(version_id, (0.0, None))
        if voice is not None and now - read < KNOWN_SECONDS:
            return voice
        with self._database.read() as session:
            found = store.find(session, version_id)
        if found is not None and not found.not_auditionable:
            if len(self._known) >= MOST:
                self._known = {}  # threads that still look into the old one find what is true
            self._known[version_id] = (now, found)
        return found
