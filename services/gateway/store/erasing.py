"""An account is forgotten: one transaction here, and an event by which every service forgets what it keeps of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from blake3 import blake3
from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.orm import Session

from services.common import outbox
from services.common.clock import now
from services.common.database import Database
from services.common.errors import Conflict
from services.common.events import make_event
from services.gateway.store import audit
from services.gateway.store.tables import DELETED, ORGANISATION, accounts, administrators, erased_names, tokens, uploads
from services.stubs.voicehub.gateway.v1.gateway_pb2 import AccountErased

MOST_UPLOADS = 1000
"""Digests that one event carries."""


def erase(database: Database, account: str) -> str:
    """Forgets a person's account, whose tokens are dead from the commit on; answers its pseudonym.

    What is kept is a digest of the name, so that nobody else is taken for this person later; of an administrator also
    the digest of the token that allowed it, which is not good for another one.
    """
    pseudonym = _pseudonym()
    with database.write() as session:
        digests = _alone(session, account)
        proofs = session.scalars(select(administrators.c.proof).where(administrators.c.account == account)).all()
        for table in (tokens, uploads, administrators):
            session.execute(delete(table).where(table.c.account == account))
        for mark in (ORGANISATION, DELETED):
            made = accounts.c.password_hash == mark + account
            session.execute(update(accounts).where(made).values(password_hash=mark + pseudonym))
        session.execute(delete(accounts).where(accounts.c.name == account))
        for digest in (_digest(account), *proofs):
            session.execute(insert(erased_names).values(digest=digest, erase_time=now()))
        audit.record(session, pseudonym, "account.erase", f"accounts/{pseudonym}")
        for start in range(0, max(len(digests), 1), MOST_UPLOADS):
            _tell(session, account, pseudonym, digests[start : start + MOST_UPLOADS])
    return pseudonym


def forget_late(session: Session, account: str, digest: str) -> None:
    """Has a file removed that was still on its way in while its account was erased, if nobody else gave it."""
    given = session.scalar(select(uploads.c.id).where(uploads.c.digest == digest).limit(1))
    if given is None and is_spent(session, _digest(account)):
        _tell(session, account, _pseudonym(), [digest])  # the services have forgotten all else: none sees this name


def check_free(session: Session, name: str) -> None:
    """Conflict for the name of an account that was erased: it stays unused."""
    if is_spent(session, _digest(name)):
        raise Conflict(
            f"The name {name} is taken.", hint="Choose another name.", reason="NAME_TAKEN", fields={"name": "is taken"}
        )


def is_spent(session: Session, digest: str) -> bool:
    """Whether this is the digest of a name, or of a token for administrators, that is not to be used again."""
    return session.scalar(select(erased_names.c.digest).where(erased_names.c.digest == digest)) is not None


def _tell(session: Session, account: str, pseudonym: str, digests: Sequence[str]) -> None:
    told = AccountErased(account=account, pseudonym=pseudonym, uploads=digests)
    outbox.record(session, make_event("community", account, told, source="gateway"))


def _alone(session: Session, account: str) -> list[str]:
    """Digests of whole files that only this account has uploaded."""
    others = uploads.alias()
    shared = exists().where(others.c.digest == uploads.c.digest, others.c.account != account)
    query = select(uploads.c.digest).where(uploads.c.account == account, func.length(uploads.c.digest) > 0, ~shared)
    return sorted(set(session.scalars(query)))


def _pseudonym() -> str:
    return f"~removed-{secrets.token_hex(6)}"


def _digest(name: str) -> str:
    return blake3(name.encode()).hexdigest()
