"""Telling an engine that is away for a while from work that can never succeed."""

from __future__ import annotations

import errno

from sqlalchemy.exc import DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from services.common.errors import Unauthenticated, Unavailable
from services.common.identity import UNKNOWN_IDENTITY

_AWAY = (Unavailable, ConnectionError, TimeoutError, InterfaceError, DisconnectionError, PoolTimeout)
_SQLITE_AWAY = ("SQLITE_BUSY", "SQLITE_CANTOPEN", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_LOCKED")


def is_away(error: BaseException) -> bool:
    """Whether a database, an object store, a bus, another service or room on a disk was missing.

    The same again may succeed later, so nobody should give up what was asked for.
    """
    if isinstance(error, OperationalError):
        name: str | None = getattr(error.orig, "sqlite_errorname", None)
        return name is None or name.startswith(_SQLITE_AWAY)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return True
    if isinstance(error, Unauthenticated):
        return error.reason == UNKNOWN_IDENTITY
    # By name, because only a hub on Kafka has its package.
    return isinstance(error, _AWAY) or type(error).__module__ == "kafka.errors"


def engine_away() -> Unavailable:
    """What whoever asked is told when something `is_away`."""
    return Unavailable("A part of the hub is away.", hint="Try again in a few seconds.", reason="ENGINE_AWAY")
