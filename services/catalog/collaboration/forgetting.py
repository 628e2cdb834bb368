"""An account was erased: its voices go as erased versions go, and what it left with others is of a pseudonym.

Versions that it pushed to repositories of others, and forks that others made, stay theirs. The ledger and the log of
moderation are append-only: there the name stays, and leads to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import delete, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.catalog import collecting
from services.catalog.collaboration import erasing, ownership
from services.catalog.community import moderation
from services.catalog.community.tables import (
    DecisionRow,
    IssueCommentRow,
    IssueRow,
    ModeratorRow,
    NoticeRow,
    NoticesReadRow,
    WatchRow,
)
from services.catalog.datasets.tables import DatasetRecordRow, DatasetRow
from services.catalog.domain.road import State
from services.catalog.domain.roles import Role
from services.catalog.store import access, people, repositories
from services.catalog.store.access_tables import (
    CollaboratorRow,
    ErasedRow,
    MemberRow,
    RedirectRow,
    TransferRow,
)
from services.catalog.store.pull_tables import PullRequestRow, RemarkRow, ReviewRow
from services.catalog.store.tables import (
    CommentRow,
    IdempotencyRow,
    PullRow,
    RefRow,
    ReportRow,
    RepositoryRow,
    StarRow,
    VersionRow,
)
from services.common.clock import now
from services.common.objects import Area

BATCH = 20
"""Versions that are erased in one transaction, so that nobody waits long for it."""
Name = InstrumentedAttribute[str]
SIGNED: tuple[Name, ...] = (
    VersionRow.author, RefRow.updater, CommentRow.author, ReportRow.account, DecisionRow.moderator, PullRow.account,
    PullRequestRow.author, PullRequestRow.closer, ReviewRow.author, RemarkRow.author, IssueRow.author,
    IssueRow.closed_by, IssueCommentRow.author, NoticeRow.actor, DatasetRecordRow.owner, TransferRow.account,
    RepositoryRow.owner,
)  # fmt: skip
"""What others need, and reads as of a pseudonym."""
OWN: tuple[Name, ...] = (
    WatchRow.account, NoticeRow.account, NoticesReadRow.account, ModeratorRow.account, IdempotencyRow.account,
    MemberRow.account, TransferRow.new_owner, RedirectRow.owner,
)  # fmt: skip
"""What was the account's alone."""


def erase_voices(session: Session, account: str) -> bool:
    """Erases some of the versions in repositories that the account owns or owned; whether there may be more."""
    owned = select(RepositoryRow.id).where(RepositoryRow.owner == account)
    query = select(VersionRow).where(VersionRow.repository_id.in_(owned), VersionRow.state != State.ERASED.value)
    rows = session.scalars(query.order_by(VersionRow.sequence.desc()).limit(BATCH)).all()
    for row in rows:
        erasing.wipe(session, row, account)
    return bool(rows)


def lock_out(session: Session, account: str) -> None:
    """Nothing is made in its name any more, and what it led alone has somebody else, or goes with it."""
    digest = access.erased_digest(account)
    if session.get(ErasedRow, digest) is None:
        session.add(ErasedRow(digest=digest, create_time=now()))
    _hand_over_organisations(session, account)
    session.flush()
    session.execute(delete(MemberRow).where(MemberRow.account == account))  # who is left counts as leading from now on


def forget(session: Session, account: str, pseudonym: str, uploads: Iterable[str]) -> None:
    """All the rest, in one transaction; done again it changes nothing."""
    _discard(session, account)
    for star in session.scalars(select(StarRow).where(StarRow.account == account)).all():
        repositories.by_id(session, star.repository_id).stars -= 1
        repositories.mark_stale(session, star.repository_id)
        session.delete(star)
    for given in session.scalars(select(CollaboratorRow).where(CollaboratorRow.account == account)).all():
        people.grant(session, given.repository_id, account, Role.NONE)
    pinned = select(DatasetRow.id).where(DatasetRow.account == account)
    session.execute(delete(DatasetRecordRow).where(DatasetRecordRow.dataset_id.in_(pinned)))
    session.execute(delete(DatasetRow).where(DatasetRow.account == account))
    for column in OWN:
        session.execute(delete(column.class_).where(column == account))
    for column in SIGNED:
        session.execute(update(column.class_).where(column == account).values({column.key: pseudonym}))
    _sign_merges(session, account, pseudonym)
    moderation.forget_account(session, account, pseudonym)
    for digest in uploads:
        collecting.release(session, Area.QUARANTINE, digest)


def _sign_merges(session: Session, account: str, pseudonym: str) -> None:
    """Who has asked for weights to be merged signs what comes of it: the refusal, for nobody of that name may write."""
    asked = PullRequestRow.merging["account"].as_string() == account
    for row in session.scalars(select(PullRequestRow).where(asked)).all():
        row.merging = {**row.merging, "account": pseudonym}


def _discard(session: Session, account: str) -> None:
    """Its repositories leave tombstones; the event may have taken long, so some may be new."""
    alive = RepositoryRow.delete_time.is_(None)
    for row in session.scalars(select(RepositoryRow).where(RepositoryRow.owner == account, alive)).all():
        ownership.discard(session, row, account)
    session.flush()


def _hand_over_organisations(session: Session, account: str) -> None:
    """An organisation is led by whoever has the greatest role in it now; one of nobody else becomes the account's."""
    for member in session.scalars(select(MemberRow).where(MemberRow.account == account)).all():
        others = [one for one in people.members(session, member.organisation) if one.account != account]
        if not others:
            _dissolve(session, member.organisation, account)
        elif Role.ADMIN not in {Role(one.role) for one in others}:
            heir = max(others, key=lambda one: one.role)
            people.join(session, member.organisation, heir.account, Role.ADMIN)


def _dissolve(session: Session, organisation: str, account: str) -> None:
    owned = select(RepositoryRow).where(RepositoryRow.owner == organisation)
    for row in session.scalars(owned).all():
        if row.delete_time is None:
            ownership.discard(session, row, account)
        row.owner = account
    people.dissolve(session, organisation)
