"""What people say about a pull request: reviews of its head, and remarks in threads, with sounds."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.collaboration.pulls import check_still_open, tell
from services.catalog.collaboration.settling import settle
from services.catalog.community.notices import Happened
from services.catalog.domain.gate import head_moved
from services.catalog.domain.roles import Role
from services.catalog.domain.visibility import require_account
from services.catalog.downloads import media_type
from services.catalog.store import access, pulls, repositories, versions
from services.catalog.store.pull_tables import PullRequestRow, RemarkRow, ReviewRow
from services.catalog.store.tables import RepositoryRow
from services.catalog.store.versions import ServedObject
from services.common.clock import now
from services.common.errors import Invalid, Unprocessable
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pb

MAX_TEXT = 10_000
_VERDICTS = {
    pb.REVIEW_VERDICT_APPROVE: "approve",
    pb.REVIEW_VERDICT_REQUEST_CHANGES: "request_changes",
}
_SAID = {"approve": "approved", "request_changes": "asks for changes"}


def review(session: Session, identity: Identity, request: pb.ReviewPullRequest) -> ReviewRow:
    """A verdict on the head as the reviewer heard it; it counts if the reviewer may write and is not the author."""
    account, repository, row = _place(session, identity, request)
    check_still_open(row)
    if request.version != row.head_version:
        raise head_moved(row.number, row.head_version, request.version)
    if request.verdict not in _VERDICTS:
        raise Invalid("A review has a verdict.", hint="Approve or request changes.", fields={"verdict": "is missing"})
    if account == row.author:
        raise Unprocessable("This is your own pull request.", hint="Ask somebody else.", reason="OWN_PULL")
    made = ReviewRow(
        pull_id=row.id,
        author=account,
        version_id=request.version,
        verdict=_VERDICTS[request.verdict],
        text=_text(request.text, least=0),
        create_time=now(),
    )
    session.add(made)
    session.flush()
    said = ": ".join(filter(None, (_SAID[made.verdict], made.text)))
    tell(session, repository, row, Happened("pull-review", f"pull-review:{made.sequence}", "", said, account))
    settle(session, row)
    return made


def remark(session: Session, identity: Identity, request: pb.CreateRemarkRequest) -> RemarkRow:
    """Says something, in a new thread or an old one; a snippet is a sound that a version of the repository serves."""
    account, repository, row = _place(session, identity, request)
    identifier = new_id()
    if request.thread:
        pulls.thread(session, row.id, request.thread)
    sound = _sound(session, repository, request.snippet) if request.HasField("snippet") else None
    made = RemarkRow(
        id=identifier,
        pull_id=row.id,
        thread=request.thread or identifier,
        author=account,
        text=_text(request.text, least=0 if sound else 1),
        version_id=request.snippet.version if sound else "",
        digest=sound.digest if sound else "",
        size=sound.size if sound else 0,
        resolved=False,
        create_time=now(),
    )
    session.add(made)
    session.flush()
    said = made.text or "played a sound"
    tell(session, repository, row, Happened("pull-comment", f"pull-comment:{made.id}", "", said, account))
    return made


def resolve(session: Session, identity: Identity, request: pb.ResolveThreadRequest) -> RemarkRow:
    """Marks a thread as settled, or not; who began it may, the author of the request, and who has the role triage."""
    account, repository, row = _place(session, identity, request)
    begun = pulls.thread(session, row.id, request.thread)
    if account not in (begun.author, row.author):
        access.require(session, identity, repository, Role.TRIAGE)
    begun.resolved = request.resolved
    return begun


def _place(
    session: Session,
    identity: Identity,
    request: pb.ReviewPullRequest | pb.CreateRemarkRequest | pb.ResolveThreadRequest,
) -> tuple[str, RepositoryRow, PullRequestRow]:
    account = require_account(identity)
    repository = repositories.readable(session, identity, request.owner, request.name)
    access.check_open(repository)
    return account, repository, pulls.get(session, repository, request.number)


def _sound(session: Session, repository: RepositoryRow, snippet: pb.Snippet) -> ServedObject:
    version = versions.resolve(session, repository, snippet.version)
    found = versions.served_object(session, version.id, snippet.object.digest)
    if found is None or not media_type(found.filename).startswith("audio/"):
        raise Unprocessable(
            "This version serves no such sound.",
            hint="Name a sample or a prompt of the version by its digest.",
            reason="NO_SUCH_SOUND",
            fields={"snippet.object": "is no sound of the version"},
        )
    return found


def _text(text: str, least: int) -> str:
    stripped = text.strip()
    if not least <= len(stripped) <= MAX_TEXT:
        raise Unprocessable(
            "The text is empty or too long.", hint=f"Write {least} to {MAX_TEXT} characters.", fields={"text": "length"}
        )
    return stripped
