"""Watching a repository, and what those who watch are told, in the transaction in which it happens."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from services.catalog.community.tables import NoticeRow, NoticesReadRow, WatchRow
from services.catalog.domain.visibility import Visibility, require_account
from services.catalog.paging import Page
from services.catalog.store import access, people, repositories
from services.catalog.store.tables import RepositoryRow
from services.common.clock import now
from services.common.identity import Identity

MAX_EXCERPT = 280
TO_THE_OWNER = frozenset({"take-down", "restored", "appeal-answered"})
"""Kinds that are shown although the repository is hidden."""
OFFERED = "transfer-offered"
"""Is shown to who may take a hidden repository, as long as the offer (the subject) stands."""


@dataclass(frozen=True)
class Happened:
    """Something that happened in a repository.

    Attributes:
        key: names it; everybody is told of it once.
        subject: a version, the number of an issue or of a pull request.
        actor: who did it, and is not told; empty for the hub.
    """

    kind: str
    key: str
    subject: str
    text: str
    actor: str = ""


def set_watch(session: Session, repository: RepositoryRow, account: str, watching: bool) -> int:
    """Begins or ends watching; answers how many watch."""
    row = session.get(WatchRow, (repository.id, account))
    if watching and row is None:
        session.add(WatchRow(repository_id=repository.id, account=account, create_time=now()))
    elif not watching and row is not None:
        session.delete(row)
    session.flush()
    query = select(func.count()).select_from(WatchRow).where(WatchRow.repository_id == repository.id)
    return session.scalar(query) or 0


def tell(session: Session, repository: RepositoryRow, happened: Happened, also: Iterable[str] = ()) -> None:
    """Tells the owner (of an organisation its admins), whoever watches and `also`, if they may read it; once.

    Not the actor.
    """
    watchers = session.scalars(select(WatchRow.account).where(WatchRow.repository_id == repository.id))
    accounts = {*people.leaders(session, repository.owner), *watchers, *also} - {""}
    if repository.visibility != Visibility.PUBLIC.value:
        accounts = {one for one in accounts if access.role_of(session, Identity(one, "catalog"), repository)}
    tell_only(session, repository, happened, accounts)


def tell_only(session: Session, repository: RepositoryRow, happened: Happened, accounts: Iterable[str]) -> None:
    """As `tell`, to these accounts."""
    told = set(session.scalars(select(NoticeRow.account).where(NoticeRow.key == happened.key)))
    for account in sorted(set(accounts) - told - {happened.actor, ""}):
        row = NoticeRow(
            account=account,
            key=happened.key,
            kind=happened.kind,
            repository_id=repository.id,
            subject=happened.subject,
            text=happened.text[:MAX_EXCERPT],
            actor=happened.actor,
            create_time=now(),
        )
        session.add(row)


def of_version(version_id: str) -> str:
    """The key of the notice that a version is there, whose text is the version's message."""
    return f"version:{version_id}"


def forget_text(session: Session, key: str) -> None:
    """Everybody who was told of something reads no longer what was said of it."""
    session.execute(update(NoticeRow).where(NoticeRow.key == key).values(text=""))


@dataclass(frozen=True)
class Feed:
    """A page of notices with their numbers and repositories, up to which the account has read, and where it goes on.

    Numbers count the notices of the account: a position among those of everybody would tell of what is private.
    """

    notices: Sequence[tuple[int, NoticeRow, RepositoryRow]]
    read: int
    numbers: Sequence[int]


def feed(session: Session, identity: Identity, page: Page, *, unread_only: bool) -> Feed:
    """Notices of the caller, newest first; nothing of what they may not read any more.

    `numbers` are those of up to `page.size + 1` that are stored, for the cursor; `notices` are shown of the page.
    """
    account = require_account(identity)
    read = _number(session, account, read_up_to(session, account))
    first = max(min(page.before - 1, _number(session, account)), 0)
    numbers = range(first, max(first - page.size - 1, read if unread_only else 0), -1)
    query = select(NoticeRow).where(NoticeRow.account == account).order_by(NoticeRow.sequence)
    rows = session.scalars(query.offset(first - len(numbers)).limit(len(numbers))).all()[::-1]
    shown = rows[: page.size]
    readable = repositories.readable_ids(session, identity, [row.repository_id for row in shown])
    offers = {offer.id for offer in people.transfers_to(session, account)}
    found = []
    for number, row in zip(numbers, shown, strict=False):
        repository = readable.get(row.repository_id)
        if repository is None and (row.kind in TO_THE_OWNER or (row.kind == OFFERED and row.subject in offers)):
            repository = repositories.by_id(session, row.repository_id)
        if repository is not None:
            found.append((number, row, repository))
    return Feed(found, read, numbers)


def read_up_to(session: Session, account: str) -> int:
    """The last notice that the account has read."""
    row = session.get(NoticesReadRow, account)
    return row.up_to if row else 0


def mark_read(session: Session, account: str, up_to: int) -> int:
    """Everything up to a notice (0: up to the last one) has been read; answers up to which."""
    query = select(NoticeRow.sequence).where(NoticeRow.account == account).order_by(NoticeRow.sequence)
    last = session.scalar(select(func.max(NoticeRow.sequence)).where(NoticeRow.account == account)) or 0
    wanted = session.scalar(query.offset(up_to - 1).limit(1)) if up_to > 0 else None
    row = session.get(NoticesReadRow, account)
    if row is None:
        row = NoticesReadRow(account=account, up_to=0)
        session.add(row)
    row.up_to = max(row.up_to, wanted or last)
    return _number(session, account, row.up_to)


def _number(session: Session, account: str, sequence: int | None = None) -> int:
    """How many notices the account has up to that one; of all without one."""
    query = select(func.count()).select_from(NoticeRow).where(NoticeRow.account == account)
    return session.scalar(query if sequence is None else query.where(NoticeRow.sequence <= sequence)) or 0
