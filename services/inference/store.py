"""Voices in the database."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict

from sqlalchemy import bindparam, delete, exists, insert, select
from sqlalchemy.orm import Session

from services.inference.domain.voices import StoredFile, Voice
from services.inference.tables import voices, waiting, withheld

_HIDDEN = exists().where(withheld.c.version_id == voices.c.version_id)
_SPEAKS = select(voices.c.version_id).where(voices.c.version_id == bindparam("version_id"), ~_HIDDEN)
"""Asked four times a second while a voice speaks; building it costs more than running it."""


def save(session: Session, voice: Voice) -> None:
    """Stores a voice, in place of an earlier export of the same version."""
    session.execute(delete(voices).where(voices.c.version_id == voice.version_id))
    session.execute(
        insert(voices).values(
            version_id=voice.version_id,
            family=voice.family,
            bundle=[asdict(file) for file in voice.bundle],
            files=[asdict(file) for file in voice.files],
            requires=dict(voice.requires),
            card=dict(voice.card),
            not_auditionable=voice.not_auditionable,
        )
    )


def withhold(session: Session, version_id: str, withheld_now: bool) -> None:
    """Nobody may hear the version, or everybody may again."""
    session.execute(delete(withheld).where(withheld.c.version_id == version_id))
    if withheld_now:
        session.execute(insert(withheld).values(version_id=version_id))


def find(session: Session, version_id: str) -> Voice | None:
    """The voice of a version, if its export was tried and it is not withheld."""
    query = select(voices).where(voices.c.version_id == version_id, ~_HIDDEN)
    row = session.execute(query).mappings().first()
    if row is None:
        return None
    return Voice(
        version_id=row["version_id"],
        family=row["family"],
        bundle=tuple(StoredFile(**file) for file in row["bundle"]),
        files=tuple(StoredFile(**file) for file in row["files"]),
        requires=dict(row["requires"]),
        card=dict(row["card"]),
        not_auditionable=row["not_auditionable"],
    )


def speaks(session: Session, version_id: str) -> bool:
    """Whether `find` would find it."""
    return session.execute(_SPEAKS, {"version_id": version_id}).first() is not None


def speaking(session: Session, version_ids: Collection[str]) -> set[str]:
    """Those that `find` would find."""
    return set(session.scalars(select(voices.c.version_id).where(voices.c.version_id.in_(version_ids), ~_HIDDEN)))


def withdraw(session: Session, version_id: str) -> None:
    """The voice speaks no more."""
    session.execute(delete(voices).where(voices.c.version_id == version_id))
    forget(session, version_id)


def wait(session: Session, version_id: str, scan: bytes) -> None:
    """Keeps the scan of a voice until its base is registered."""
    forget(session, version_id)
    session.execute(insert(waiting).values(version_id=version_id, scan=scan))


def forget(session: Session, version_id: str) -> None:
    """The voice waits no longer."""
    session.execute(delete(waiting).where(waiting.c.version_id == version_id))


def scans_waiting(session: Session) -> list[bytes]:
    """The scans of all voices that wait for a base, in order of their versions."""
    return list(session.scalars(select(waiting.c.scan).order_by(waiting.c.version_id)))


def scan_waiting(session: Session, version_id: str) -> bytes | None:
    """The scan of one of them; None if it does not wait."""
    return session.scalars(select(waiting.c.scan).where(waiting.c.version_id == version_id)).one_or_none()
