"""Pull requests as messages."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.collaboration import pulls as requests
from services.catalog.domain.gate import CheckState
from services.catalog.domain.refs import pull_ref
from services.catalog.domain.roles import Role
from services.catalog.store import access, pulls, repositories
from services.catalog.store.pull_tables import PullRequestRow, RemarkRow, ReviewRow
from services.catalog.store.tables import RepositoryRow
from services.common.clock import to_timestamp
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pb
from services.stubs.voicehub.common.v1 import common_pb2

STATES = {pulls.OPEN: pb.PULL_STATE_OPEN, pulls.MERGED: pb.PULL_STATE_MERGED, pulls.CLOSED: pb.PULL_STATE_CLOSED}
_CHECKS = {
    CheckState.PASSED: pb.CHECK_STATE_PASSED,
    CheckState.PENDING: pb.CHECK_STATE_PENDING,
    CheckState.FAILED: pb.CHECK_STATE_FAILED,
}
_VERDICTS = {"approve": pb.REVIEW_VERDICT_APPROVE, "request_changes": pb.REVIEW_VERDICT_REQUEST_CHANGES}


def whole(session: Session, identity: Identity, row: PullRequestRow) -> pb.Pull:
    """A pull request with its comparison and checks."""
    made = brief(session, identity, row)
    found = requests.compared(session, row)
    made.ahead, made.behind = found.ahead, found.behind
    made.merge_bases.extend(found.merge_bases)
    if row.state == pulls.OPEN:
        checks = requests.checks(session, row, found)
        made.checks.extend(pb.Check(name=c.name, state=_CHECKS[c.state], detail=c.detail) for c in checks)
        made.mergeable = all(check.state is CheckState.PASSED for check in checks)
    return made


def brief(session: Session, identity: Identity, row: PullRequestRow) -> pb.Pull:
    """A pull request in a list. The name of a fork that the caller may not see is left out."""
    head = repositories.by_id(session, row.head_repository_id)
    seen = bool(access.role_of(session, identity, head))
    return pb.Pull(
        number=row.number,
        title=row.title,
        body=row.body,
        author=row.author,
        state=STATES[row.state],
        base_ref=row.base_ref,
        base_version=requests.base_tip(session, row),
        head_owner=head.owner if seen else "",
        head_name=head.name if seen else "",
        head_ref=row.head_ref,
        head_version=row.head_version,
        ref=pull_ref(row.number),
        merging=bool(row.merging),
        merge_failure=row.merge_failure,
        create_time=to_timestamp(row.create_time),
        update_time=to_timestamp(row.update_time),
        closer=row.closer,
    )


def review(session: Session, repository: RepositoryRow, pull: PullRequestRow, row: ReviewRow) -> pb.Review:
    """A review, and whether it counts."""
    role = access.role_of(session, Identity(row.author, "catalog"), repository)
    return pb.Review(
        author=row.author,
        version=row.version_id,
        verdict=_VERDICTS[row.verdict],
        text=row.text,
        create_time=to_timestamp(row.create_time),
        counts=role >= Role.WRITE and row.author not in requests.makers_of(session, pull),
    )


def remark(row: RemarkRow) -> pb.Remark:
    """Something said."""
    sound = common_pb2.ObjectRef(digest=row.digest, size=row.size)
    return pb.Remark(
        id=row.id,
        thread=row.thread,
        author=row.author,
        text=row.text,
        snippet=pb.Snippet(version=row.version_id, object=sound) if row.digest else None,
        resolved=row.resolved,
        create_time=to_timestamp(row.create_time),
    )
