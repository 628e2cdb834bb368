"""Lets go of an object that a batch made."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.objects import Area, ObjectStore
from services.inference.batches import store
from services.inference.domain.batches import Take
from services.inference.domain.sentences import SAMPLES

_AUDITIONED = frozenset(text for texts in SAMPLES.values() for text in texts)


def free(database: Database, objects: ObjectStore, digest: str, of_batch: str = "") -> None:
    """Removes the object, unless a batch has the same bytes: another one than `of_batch`, or any if that is empty."""
    with database.write() as session:
        free_within(session, objects, digest, of_batch)


def free_within(session: Session, objects: ObjectStore, digest: str, of_batch: str = "") -> None:
    """As `free`, by who may write: nothing that was made is recorded meanwhile (see `Shards._check_stored`)."""
    if not store.needed_elsewhere(session, of_batch, digest):
        objects.delete(Area.SERVED, digest)


def may_be_sample(take: Take) -> bool:
    """Whether a sample of the voice may have the same bytes as this take."""
    return take.line.text in _AUDITIONED
