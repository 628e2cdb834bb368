"""Accounts and their bearer tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from services.common.clock import now
from services.common.database import Database
from services.common.errors import Conflict, NotFound
from services.common.ids import new_id
from services.gateway.domain.credentials import Scope, new_token, token_digest
from services.gateway.store import audit, erasing
from services.gateway.store.tables import DELETED, ORGANISATION, accounts, administrators, tokens


@dataclass(frozen=True)
class Account:
    """Who may own voices: a person or a program, or an organisation, which nobody logs in as."""

    name: str
    create_time: datetime
    organisation: bool = False


@dataclass(frozen=True)
class Token:
    """A bearer token as it is remembered; the secret itself is known only to its holder.

    `administers` says whether its account is an administrator of the hub; only `resolve` tells.
    """

    id: str
    account: str
    kind: str
    label: str
    scopes: frozenset[Scope]
    create_time: datetime
    expire_time: datetime | None
    administers: bool = False


class Accounts:
    """Queries over accounts and tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, name: str, password_hash: str) -> Account:
        """A new account; Conflict if the name is taken."""
        account = Account(name, now())
        values = {"name": name, "password_hash": password_hash, "create_time": account.create_time}
        try:
            with self._database.write() as session:
                erasing.check_free(session, name)
                session.execute(insert(accounts).values(values))
                audit.record(session, name, "account.create", f"accounts/{name}")
        except IntegrityError as error:
            raise Conflict(
                f"The name {name} is taken.",
                hint="Choose another name, or log in if it is yours.",
                reason="NAME_TAKEN",
                fields={"name": "is taken"},
            ) from error
        return account

    def reserve(self, name: str, creator: str) -> None:
        """Takes a name for an organisation; Conflict if it is taken, but not for who reserved or deleted it before."""
        values = {"name": name, "password_hash": ORGANISATION + creator, "create_time": now()}
        with self._database.write() as session:
            erasing.check_free(session, name)
            row = session.execute(select(accounts).where(accounts.c.name == name)).one_or_none()
            if row is not None and row.password_hash not in (ORGANISATION + creator, DELETED + creator):
                raise Conflict(
                    f"The name {name} is taken.", hint="Choose another name.", reason="NAME_TAKEN",
                    fields={"name": "is taken"},
                )  # fmt: skip
            if row is None or row.password_hash == DELETED + creator:
                session.execute(delete(accounts).where(accounts.c.name == name))
                session.execute(insert(accounts).values(values))
                audit.record(session, creator, "organisation.create", f"organisations/{name}")

    def hand_over(self, name: str, account: str) -> None:
        """One of its admins is about to delete an organisation, and its name is for that account from here on.

        If that is cut off before the name is given up, nobody else gets it; if it is refused, the organisation lives
        on and nothing is to be undone: no right comes from the name that stands here. NotFound if the account was
        erased.
        """
        with self._database.write() as session:
            if not exists(session, account):
                raise _no_account()
            if _living(session, name) is not None:
                _mark(session, name, ORGANISATION + account)
                audit.record(session, account, "organisation.deleting", f"organisations/{name}")

    def give_up(self, name: str, account: str) -> None:
        """An organisation is no more, and nobody but who deleted it can have its name.

        Who was erased while it was deleted is not named again: what stands in their place is.
        """
        with self._database.write() as session:
            holder = _living(session, name)
            by = account if holder is None or exists(session, account) else holder
            if holder is not None:
                _mark(session, name, DELETED + by)
            audit.record(session, by, "organisation.delete", f"organisations/{name}")

    def person(self, name: str) -> Account:
        """The account of that name, if it is not an organisation; NotFound."""
        account = self.get(name)
        if account.organisation:
            raise _no_account()
        return account

    def get(self, name: str) -> Account:
        """The account of that name; NotFound."""
        with self._database.read() as session:
            row = session.execute(select(accounts).where(accounts.c.name == name)).one_or_none()
        if row is None or row.password_hash.startswith(DELETED):
            raise _no_account()
        return Account(row.name, _utc(row.create_time), row.password_hash.startswith(ORGANISATION))

    def password_hash(self, name: str) -> str | None:
        """The password hash of an account, None if there is no such account, or if it is an organisation."""
        query = select(accounts.c.password_hash).where(accounts.c.name == name)
        with self._database.read() as session:
            found = session.execute(query).scalar_one_or_none()
        return None if found is None or found.startswith(ORGANISATION) else found

    def erase(self, name: str) -> str:
        """Forgets an account; answers the pseudonym that stands in its place."""
        return erasing.erase(self._database, name)

    def issue(
        self, account: str, kind: str, label: str, scopes: frozenset[Scope], expire_time: datetime | None
    ) -> tuple[Token, str]:
        """A new token and its secret, which is never to be seen again."""
        secret = new_token()
        token = Token(new_id(), account, kind, label, scopes, now(), expire_time)
        values = {
            "id": token.id,
            "account": account,
            "kind": kind,
            "label": label,
            "scopes": " ".join(sorted(scopes)),
            "digest": token_digest(secret),
            "create_time": token.create_time,
            "expire_time": expire_time,
        }
        try:
            with self._database.write() as session:
                session.execute(insert(tokens).values(values))
                audit.record(session, account, f"{kind}.create", f"tokens/{token.id}")
        except IntegrityError as error:  # erased since its password was checked
            raise _no_account() from error
        return token, secret

    def resolve(self, secret: str) -> Token | None:
        """The token whose secret this is, if it exists and has not expired."""
        with self._database.read() as session:
            query = select(tokens, administrators.c.account.label("administrator")).outerjoin(
                administrators, administrators.c.account == tokens.c.account
            )
            row = session.execute(query.where(tokens.c.digest == token_digest(secret))).one_or_none()
        if row is None:
            return None
        token = replace(_token(row), administers=row.administrator is not None)
        return None if token.expire_time is not None and token.expire_time < now() else token

    def tokens_of(self, account: str) -> Sequence[Token]:
        """The tokens an account made, newest first; sessions are not listed."""
        query = select(tokens).where(tokens.c.account == account, tokens.c.kind == "token").order_by(tokens.c.id.desc())
        with self._database.read() as session:
            return [_token(row) for row in session.execute(query)]

    def revoke(self, account: str, token_id: str) -> None:
        """Ends a token or session; NotFound if the account has none of that id."""
        with self._database.write() as session:
            ended = session.execute(
                delete(tokens).where(tokens.c.id == token_id, tokens.c.account == account).returning(tokens.c.kind)
            ).scalar_one_or_none()
            if ended is None:
                raise NotFound("This token does not exist.", hint="List your tokens with GET /v1/tokens.")
            audit.record(session, account, f"{ended}.revoke", f"tokens/{token_id}")


def exists(session: Session, name: str) -> bool:
    """Whether an account of that name was made, and not erased."""
    return session.scalar(select(accounts.c.name).where(accounts.c.name == name)) is not None


def _living(session: Session, name: str) -> str | None:
    """Whom the name of an organisation is for; None if there is none, or it is deleted."""
    found = session.scalar(select(accounts.c.password_hash).where(accounts.c.name == name)) or ""
    living = found.startswith(ORGANISATION) and not found.startswith(DELETED)
    return found.removeprefix(ORGANISATION) if living else None


def _mark(session: Session, name: str, mark: str) -> None:
    session.execute(update(accounts).where(accounts.c.name == name).values(password_hash=mark))


def _no_account() -> NotFound:
    return NotFound("This account does not exist.", hint="Check the spelling of the name.")


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _token(row: Row[tuple[object, ...]]) -> Token:
    return Token(
        id=row.id,
        account=row.account,
        kind=row.kind,
        label=row.label,
        scopes=frozenset(Scope(scope) for scope in row.scopes.split()),
        create_time=_utc(row.create_time),
        expire_time=_utc(row.expire_time) if row.expire_time is not None else None,
    )
