"""Voices that people speak with now, remembered for a moment."""

from __future__ import annotations

import logging
import time

from sqlalchemy.exc import SQLAlchemyError

from services.common.away import is_away
from services.common.database import Database
from services.common.errors import Unprocessable
from services.inference import store
from services.inference.domain.voices import Voice

log = logging.getLogger(__name__)
KNOWN_SECONDS = 10.0
"""What a version is made of never changes; how it was exported may, when its base comes or a rule changes."""
LOOK_SECONDS = 0.25
"""How often it is looked whether a voice that speaks may still do so."""
AWAY_SECONDS = 5.0
MOST = 1_000


class KnownVoices:
    """Reads voices from the database; one that can speak is not read again for `KNOWN_SECONDS`. Thread-safe.

    Whether somebody may hear it is asked of the catalog by whoever calls.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, tuple[float, Voice]] = {}
        self._next_look: dict[str, float] = {}

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

    def check(self, version_id: str) -> None:
        """Unprocessable, if the version was withdrawn or is withheld; looked up at most every `LOOK_SECONDS`.

        The table is asked, not the event that changed it: with several of this service only one gets that. A database
        that is away is no reason to fall silent.
        """
        now = time.monotonic()
        if now < self._next_look.get(version_id, 0.0):
            return
        if len(self._next_look) >= MOST:
            self._next_look = {}
        self._next_look[version_id] = now + LOOK_SECONDS
        try:
            with self._database.read() as session:
                speaks = store.speaks(session, version_id)
        except SQLAlchemyError as error:
            if not is_away(error):
                raise
            log.warning("it cannot be looked whether a voice was withdrawn", extra={"error": repr(error)[:500]})
            self._next_look[version_id] = now + AWAY_SECONDS
            return
        if not speaks:
            self._known.pop(version_id, None)
            self._next_look.pop(version_id, None)  # whoever else speaks with it is told at the next token
            raise withdrawn()


def withdrawn() -> Unprocessable:
    """What is said of a voice that speaks no more."""
    return Unprocessable("This version was withdrawn from this hub.", reason="NO_VOICE")
