"""What people do with a repository: stars, comments, reports, and pulls that are counted."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog import events
from services.catalog.community import notices
from services.catalog.community.notices import Happened
from services.catalog.credits import earning
from services.catalog.credits.domain import Prices
from services.catalog.domain.texts import checked_text
from services.catalog.domain.visibility import require_account
from services.catalog.paging import Page
from services.catalog.store import access, idempotency, repositories, versions
from services.catalog.store.tables import (
    CommentRow,
    PullRow,
    ReportRow,
    RepositoryRow,
    StarRow,
)
from services.common.clock import now
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

COMMENT = "CreateComment"
MAX_COMMENT = 4000
MAX_REASON = 2000


def set_star(session: Session, identity: Identity, request: pb.SetStarRequest) -> RepositoryRow:
    """Gives or takes back the caller's star; doing it twice changes nothing."""
    account = require_account(identity)
    repository = repositories.readable(session, identity, request.owner, request.name)
    star = session.get(StarRow, (repository.id, account))
    if (star is not None) == request.starred:
        return repository
    if star is None:
        session.add(StarRow(repository_id=repository.id, account=account, create_time=now()))
    else:
        session.delete(star)
    repository.stars += 1 if request.starred else -1
    events.starred(session, repository, account, request.starred)
    repositories.mark_stale(session, repository.id)
    return repository


def comment(session: Session, identity: Identity, request: pb.CreateCommentRequest) -> CommentRow:
    """Writes a comment, once per idempotency key."""
    account = require_account(identity)
    repository = repositories.readable(session, identity, request.owner, request.name)
    earlier = idempotency.made_before(session, account, COMMENT, request.idempotency_key, request)
    if earlier is not None:
        return session.scalars(select(CommentRow).where(CommentRow.id == earlier)).one()
    access.check_open(repository)
    text = checked_text(request.text, "text", MAX_COMMENT)
    row = CommentRow(id=new_id(), repository_id=repository.id, author=account, text=text, create_time=now())
    session.add(row)
    repository.comments += 1
    events.commented(session, repository, row)
    notices.tell(session, repository, Happened("comment", f"comment:{row.id}", row.id, text, account))
    idempotency.remember(session, account, COMMENT, request.idempotency_key, request, row.id)
    return row


def comments_of(session: Session, repository: RepositoryRow, page: Page) -> list[CommentRow]:
    """Up to `page.size + 1` comments, newest first."""
    query = select(CommentRow).where(CommentRow.repository_id == repository.id, CommentRow.sequence < page.before)
    return list(session.scalars(query.order_by(CommentRow.sequence.desc()).limit(page.size + 1)))


def report(session: Session, identity: Identity, request: pb.ReportRepositoryRequest) -> str:
    """Notes that somebody should look at a repository; answers the id of the report."""
    account = require_account(identity)
    repository = repositories.readable(session, identity, request.owner, request.name)
    reason = checked_text(request.reason, "reason", MAX_REASON)
    row = ReportRow(id=new_id(), repository_id=repository.id, account=account, reason=reason, create_time=now())
    session.add(row)
    return row.id


def count_pull(session: Session, identity: Identity, repository_id: str, version_id: str, prices: Prices) -> None:
    """Counts a download once per version, account and day; the first of an account earns credits for the makers."""
    if not pull_is_new(session, identity, version_id):
        return
    session.add(PullRow(version_id=version_id, account=identity.account, day=_today()))
    repositories.by_id(session, repository_id).downloads += 1
    repositories.mark_stale(session, repository_id)
    if version := versions.get(session, version_id):
        earning.downloaded(session, prices, version, identity.account)


def pull_is_new(session: Session, identity: Identity, version_id: str) -> bool:
    """Whether this download is the caller's first of the version today; services do not count."""
    return not identity.is_service and session.get(PullRow, (version_id, identity.account, _today())) is None


def _today() -> str:
    return now().date().isoformat()
