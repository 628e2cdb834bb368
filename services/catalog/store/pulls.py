"""Pull requests: queries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.catalog.domain.gate import Judgement
from services.catalog.paging import Page
from services.catalog.store.pull_tables import EvaluationRow, PullRequestRow, RemarkRow, ReviewRow
from services.catalog.store.tables import HistoryRow, RepositoryRow, VersionRow
from services.common.errors import NotFound

OPEN, MERGED, CLOSED = "open", "merged", "closed"


def get(session: Session, repository: RepositoryRow, number: int) -> PullRequestRow:
    """The pull request of that number; NotFound."""
    row = find(session, repository, number)
    if row is None:
        raise NotFound(
            f"{repository.owner}/{repository.name} has no pull request {number}.",
            hint="List them: voicehub pr list.",
            reason="PULL_NOT_FOUND",
        )
    return row


def find(session: Session, repository: RepositoryRow, number: int) -> PullRequestRow | None:
    """The pull request of that number, if there is one."""
    query = select(PullRequestRow).where(PullRequestRow.repository_id == repository.id, PullRequestRow.number == number)
    return session.scalars(query).one_or_none()


def next_number(session: Session, repository_id: str) -> int:
    """The number of the next pull request into a repository."""
    query = select(func.max(PullRequestRow.number)).where(PullRequestRow.repository_id == repository_id)
    return int(session.scalar(query) or 0) + 1


def page_of(session: Session, repository: RepositoryRow, state: str, page: Page) -> Sequence[PullRequestRow]:
    """Up to `page.size + 1` pull requests, newest first; in one state unless that is empty."""
    query = select(PullRequestRow).where(
        PullRequestRow.repository_id == repository.id, PullRequestRow.number < page.before
    )
    if state:
        query = query.where(PullRequestRow.state == state)
    return session.scalars(query.order_by(PullRequestRow.number.desc()).limit(page.size + 1)).all()


def open_from(session: Session, repository_id: str, ref: str) -> Sequence[PullRequestRow]:
    """Open pull requests whose head is a branch."""
    query = select(PullRequestRow).where(
        PullRequestRow.head_repository_id == repository_id,
        PullRequestRow.head_ref == ref,
        PullRequestRow.state == OPEN,
    )
    return session.scalars(query).all()


def open_out_of(session: Session, repository_id: str) -> Sequence[PullRequestRow]:
    """Open pull requests from a repository into others."""
    query = select(PullRequestRow).where(
        PullRequestRow.head_repository_id == repository_id,
        PullRequestRow.repository_id != repository_id,
        PullRequestRow.state == OPEN,
    )
    return session.scalars(query).all()


def open_into(session: Session, repository_id: str) -> Sequence[PullRequestRow]:
    """Open pull requests into a repository."""
    query = select(PullRequestRow).where(PullRequestRow.repository_id == repository_id, PullRequestRow.state == OPEN)
    return session.scalars(query).all()


def brought_from(session: Session, repository_id: str) -> Sequence[str]:
    """Where versions were pushed that this repository holds: others, but not those that merged requests came from."""
    merged = select(PullRequestRow.head_repository_id).where(
        PullRequestRow.repository_id == repository_id, PullRequestRow.state == MERGED
    )
    query = select(VersionRow.repository_id).join(HistoryRow, HistoryRow.sequence == VersionRow.sequence).distinct()
    elsewhere = VersionRow.repository_id != repository_id
    offered = (HistoryRow.pull == 0) & VersionRow.repository_id.in_(merged)
    return session.scalars(query.where(HistoryRow.repository_id == repository_id, elsewhere, ~offered)).all()


def open_beside(session: Session, version: VersionRow) -> Sequence[PullRequestRow]:
    """Open pull requests into the repositories that hold a version."""
    query = select(PullRequestRow).join(HistoryRow, HistoryRow.repository_id == PullRequestRow.repository_id)
    return session.scalars(query.where(HistoryRow.sequence == version.sequence, PullRequestRow.state == OPEN)).all()


def reviews(session: Session, pull_id: str) -> Sequence[ReviewRow]:
    """All reviews, oldest first."""
    query = select(ReviewRow).where(ReviewRow.pull_id == pull_id).order_by(ReviewRow.sequence)
    return session.scalars(query).all()


def remarks_after(session: Session, pull_id: str, after: int, size: int) -> Sequence[RemarkRow]:
    """Up to `size + 1` remarks, oldest first."""
    query = select(RemarkRow).where(RemarkRow.pull_id == pull_id, RemarkRow.sequence > after)
    return session.scalars(query.order_by(RemarkRow.sequence).limit(size + 1)).all()


def thread(session: Session, pull_id: str, thread_id: str) -> RemarkRow:
    """The remark that began a thread; NotFound."""
    query = select(RemarkRow).where(RemarkRow.pull_id == pull_id, RemarkRow.id == thread_id)
    row = session.scalars(query.where(RemarkRow.thread == thread_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such thread.", hint="Leave it out to begin one.", reason="THREAD_NOT_FOUND")
    return row


def judgement(session: Session, version_id: str) -> Judgement | None:
    """How a version was judged; None while nobody has."""
    row = session.get(EvaluationRow, version_id)
    if row is None or row.end_time is None:
        return None
    return Judgement(row.figures, row.tools, row.failure)


def participants(session: Session, row: PullRequestRow) -> set[str]:
    """Who asked, reviewed or remarked something."""
    said = (select(table.author).where(table.pull_id == row.id) for table in (ReviewRow, RemarkRow))
    return {row.author, *(author for query in said for author in session.scalars(query))}
