"""Issues of a repository: who may do what, and the rows."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.catalog.community import notices
from services.catalog.community.notices import Happened
from services.catalog.community.tables import IssueCommentRow, IssueLabelRow, IssueRow
from services.catalog.domain.roles import Role
from services.catalog.domain.texts import checked_text
from services.catalog.domain.visibility import require_account
from services.catalog.paging import Page
from services.catalog.store import access, idempotency, repositories
from services.catalog.store.tables import RepositoryRow
from services.common.clock import now
from services.common.errors import Forbidden, Invalid, NotFound
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import issues_pb2 as pb

OPEN, CLOSED = "open", "closed"
MAX_TITLE, MAX_BODY, MAX_LABELS = 200, 8000, 16
_LABEL = re.compile(r"[\w][\w .:/+-]{0,31}")
CREATE, COMMENT = "CreateIssue", "CreateIssueComment"


def create(session: Session, identity: Identity, request: pb.CreateIssueRequest) -> IssueRow:
    """A new issue, once per idempotency key, with the next number of its repository."""
    account = require_account(identity)
    repository = repositories.readable(session, identity, request.owner, request.name)
    earlier = idempotency.made_before(session, account, CREATE, request.idempotency_key, request)
    if earlier is not None:
        return session.scalars(select(IssueRow).where(IssueRow.id == earlier)).one()
    access.check_open(repository)
    last = select(func.max(IssueRow.number)).where(IssueRow.repository_id == repository.id)
    body = checked_text(request.body, "body", MAX_BODY) if request.body.strip() else ""
    row = IssueRow(
        id=new_id(), repository_id=repository.id, number=(session.scalar(last) or 0) + 1,
        title=checked_text(request.title, "title", MAX_TITLE), body=body, author=account, state=OPEN, comments=0,
        create_time=now(), close_time=None, closed_by="",
    )  # fmt: skip
    session.add(row)
    session.flush()
    notices.tell(session, repository, Happened("issue", f"issue:{row.id}", str(row.number), row.title, account))
    idempotency.remember(session, account, CREATE, request.idempotency_key, request, row.id)
    return row


def get(session: Session, repository: RepositoryRow, number: int) -> IssueRow:
    """The issue of that number; NotFound."""
    query = select(IssueRow).where(IssueRow.repository_id == repository.id, IssueRow.number == number)
    row = session.scalars(query).one_or_none()
    if row is None:
        raise NotFound(
            f"{repository.owner}/{repository.name} has no issue {number}.", hint="List its issues to see their numbers."
        )
    return row


def page_of(session: Session, repository: RepositoryRow, state: str, label: str, page: Page) -> Sequence[IssueRow]:
    """Up to `page.size + 1` issues, newest first; Invalid for an unknown state."""
    if state not in ("", OPEN, CLOSED, "all"):
        raise Invalid("The state is unknown.", hint="Use open, closed or all.", fields={"state": "unknown"})
    query = select(IssueRow).where(IssueRow.repository_id == repository.id, IssueRow.number < page.before)
    if state != "all":
        query = query.where(IssueRow.state == (state or OPEN))
    if label:
        query = query.where(IssueRow.id.in_(select(IssueLabelRow.issue_id).where(IssueLabelRow.label == label)))
    return session.scalars(query.order_by(IssueRow.number.desc()).limit(page.size + 1)).all()


def update(session: Session, identity: Identity, request: pb.UpdateIssueRequest) -> IssueRow:
    """Opens, closes or labels an issue."""
    account = require_account(identity)
    repository = repositories.readable(session, identity, request.owner, request.name)
    access.check_open(repository)
    row = get(session, repository, request.number)
    manages = access.role_of(session, identity, repository) >= Role.TRIAGE
    if request.HasField("labels"):
        if not manages:
            raise _not_yours("label it")
        _label(session, row, request.labels.names)
    if request.state not in ("", OPEN, CLOSED):
        raise Invalid("The state is unknown.", hint="Use open or closed.", fields={"state": "unknown"})
    if request.state and request.state != row.state:
        if not manages and account != row.author:
            raise _not_yours("open or close it")
        _move(session, repository, row, request.state, account)
    return row


def comment(session: Session, identity: Identity, request: pb.CreateIssueCommentRequest) -> IssueCommentRow:
    """A comment, once per idempotency key; told to whoever takes part, too."""
    account = require_account(identity)
    repository = repositories.readable(session, identity, request.owner, request.name)
    issue = get(session, repository, request.number)
    earlier = idempotency.made_before(session, account, COMMENT, request.idempotency_key, request)
    if earlier is not None:
        return session.scalars(select(IssueCommentRow).where(IssueCommentRow.id == earlier)).one()
    access.check_open(repository)
    text = checked_text(request.text, "text", MAX_BODY)
    row = IssueCommentRow(id=new_id(), issue_id=issue.id, author=account, text=text, create_time=now())
    session.add(row)
    issue.comments += 1
    session.flush()
    happened = Happened("issue-comment", f"issue-comment:{row.id}", str(issue.number), text, account)
    notices.tell(session, repository, happened, _participants(session, issue))
    idempotency.remember(session, account, COMMENT, request.idempotency_key, request, row.id)
    return row


def comments_of(session: Session, issue: IssueRow, after: int, size: int) -> Sequence[IssueCommentRow]:
    """Up to `size + 1` comments, oldest first."""
    query = select(IssueCommentRow).where(IssueCommentRow.issue_id == issue.id, IssueCommentRow.sequence > after)
    return session.scalars(query.order_by(IssueCommentRow.sequence).limit(size + 1)).all()


def labels_of(session: Session, rows: Sequence[IssueRow]) -> Mapping[str, list[str]]:
    """Labels by issue id, in order."""
    query = select(IssueLabelRow).where(IssueLabelRow.issue_id.in_([row.id for row in rows]))
    found: dict[str, list[str]] = {}
    for row in session.scalars(query.order_by(IssueLabelRow.label)):
        found.setdefault(row.issue_id, []).append(row.label)
    return found


def _participants(session: Session, issue: IssueRow) -> set[str]:
    authors = select(IssueCommentRow.author).where(IssueCommentRow.issue_id == issue.id)
    return {issue.author, *session.scalars(authors)}


def _label(session: Session, row: IssueRow, names: Sequence[str]) -> None:
    wanted = {name.strip() for name in names}
    if len(wanted) > MAX_LABELS or not all(_LABEL.fullmatch(name) for name in wanted):
        raise Invalid(
            "These are no labels.",
            hint=f"Use at most {MAX_LABELS} labels of at most 32 letters, digits, blanks and . : / + -",
            fields={"labels": "not allowed"},
        )
    session.execute(delete(IssueLabelRow).where(IssueLabelRow.issue_id == row.id))
    session.add_all(IssueLabelRow(issue_id=row.id, label=name) for name in sorted(wanted))
    session.flush()


def _move(session: Session, repository: RepositoryRow, row: IssueRow, state: str, account: str) -> None:
    row.state = state
    row.close_time = now() if state == CLOSED else None
    row.closed_by = account if state == CLOSED else ""
    if state == CLOSED:
        key = f"issue-closed:{row.id}:{row.close_time}"
        happened = Happened("issue-closed", key, str(row.number), row.title, account)
        notices.tell(session, repository, happened, _participants(session, row))


def _not_yours(what: str) -> Forbidden:
    return Forbidden(
        f"Only its author and those who manage the repository may {what}.",
        hint="Say in a comment what you think.",
        reason="NOT_THE_OWNER",
    )
