"""The end of a merge of weights: its result is published and judged, then the branch moves, or the old head is back.

What is known of the result comes by and by (scan, evaluation, reviews), each in a transaction of its own; whoever
brings something asks here whether that settles it.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from services.catalog import events
from services.catalog.collaboration import following, judging
from services.catalog.collaboration import pulls as requests
from services.catalog.collaboration.refs import point
from services.catalog.domain.gate import USUAL, CheckState, unjudged
from services.catalog.domain.refs import RefKind
from services.catalog.domain.road import State
from services.catalog.domain.roles import Role
from services.catalog.store import access, pulls, refs, repositories, versions
from services.catalog.store.pull_tables import PullRequestRow
from services.catalog.store.refs import Fallen
from services.catalog.store.tables import RefRow, RepositoryRow, VersionRow
from services.common.clock import now
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pb


def published(session: Session, version: VersionRow) -> None:
    """A version is published: heads follow their branches; the result of a merge is heard and judged as the head."""
    if version.ref:
        following.published(session, version)
        return
    for row in _made_for(session, version):
        merging = row.merging
        following.set_head(session, row, version.id, version.author)
        row.merging = merging
        for side in (merging["base"], version.id):
            judging.ask(session, side)
        settle(session, row)


def refused(session: Session, version: VersionRow, fallen: Sequence[Fallen]) -> None:
    """A version is in quarantine: heads follow their branches, and what was made of the weights of two is no head."""
    _withdrawn(session, version, fallen, f"The result {version.id} was refused by the scan: {version.verdict}.")


def erased(session: Session, version: VersionRow, fallen: Sequence[Fallen]) -> None:
    """A version is erased: as for one that is refused."""
    _withdrawn(session, version, fallen, f"The result {version.id} was erased.")


def _withdrawn(session: Session, version: VersionRow, fallen: Sequence[Fallen], why: str) -> None:
    """Requests whose head a version was have the one that their branch fell back to."""
    for row in [] if version.ref else _made_for(session, version):
        fail(session, row, why)
    for one in fallen:
        if (left := versions.get(session, one.version)) is not None and not one.deleted:
            following.fell(session, version.id, one, left)


def judged(session: Session, told: pb.Evaluation) -> None:
    """Keeps how a version was judged, and settles what waited for it."""
    judging.record(session, told)
    version = versions.get(session, told.version)
    for row in pulls.open_beside(session, version) if version is not None else []:
        settle(session, row)


def settle(session: Session, row: PullRequestRow) -> None:
    """Moves the branch if all checks of the result have passed; gives the old head back, with why, if one cannot.

    Nothing happens while one is pending, and to requests that wait for no result.
    """
    if row.state != pulls.OPEN or not requests.is_result(row):
        return
    repository = repositories.by_id(session, row.repository_id)
    if why := stands_against(session, row, repository):
        fail(session, row, why)
        return
    if why := _unheard(session, row, repository):
        row.merging, row.merge_failure, row.update_time = {}, f"{why} Hear pull-{row.number}, then merge it.", now()
        return
    checks = requests.checks(session, row, requests.compared(session, row))
    failed = [check.detail for check in checks if check.state is CheckState.FAILED]
    if failed:
        fail(session, row, f"{' '.join(failed)} The result is {row.merging['result']}.")
    elif all(check.state is CheckState.PASSED for check in checks):
        move(session, row, repository, row.merging["account"])


def fail(session: Session, row: PullRequestRow, why: str) -> None:
    """Ends a merge of weights without result: the head is what it was, and another try is free."""
    if requests.is_result(row):
        following.set_head(session, row, row.merging["head"], row.merging["account"])
    row.merging, row.merge_failure, row.update_time = {}, why[:2000], now()


def move(session: Session, row: PullRequestRow, repository: RepositoryRow, account: str) -> None:
    """The branch moves forward to the head, and the request is merged. The caller has seen to the checks."""
    base = refs.get(session, repository, row.base_ref)
    version = versions.get(session, row.head_version)
    if version is None:
        raise LookupError(f"the head {row.head_version} of a pull request is gone")
    row.base_version = refs.tip_of(base)
    row.state, row.closer, row.update_time, row.merging = pulls.MERGED, account, now(), {}
    session.flush()
    point(session, repository, refs.put(session, repository, base.name, RefKind.BRANCH, account), version)
    requests.let_go(session, row)  # heads that it had before, and that led to nothing
    events.pull_merged(session, row)


def stands_against(session: Session, row: PullRequestRow, repository: RepositoryRow) -> str:
    """What has changed since the weights of both sides were asked for, so that the branch must not move."""
    base = session.get(RefRow, (row.repository_id, row.base_ref))
    if base is None or base.kind != RefKind.BRANCH:  # a tag may have its name now
        return f"{row.base_ref} was deleted while the weights were merged."
    tip, account = requests.base_tip(session, row), row.merging["account"]
    if tip != row.merging["base"]:
        return f"{row.base_ref} moved on to {tip} while the weights were merged."
    head = versions.get(session, row.merging["head"])
    if head is None or head.state != State.PUBLISHED:
        return f"The head {row.merging['head']} was erased while the weights were merged."
    if access.role_of(session, Identity(account, "catalog"), repository) < Role.WRITE:
        return f"{account} may not write to {repository.owner}/{repository.name} any more."
    return f"{repository.owner}/{repository.name} is archived." if repository.archived else ""


def _unheard(session: Session, row: PullRequestRow, repository: RepositoryRow) -> str:
    """Why no judge can decide, where the branch has no limits of its own: then a person does."""
    limits = refs.get(session, repository, row.base_ref).protection or {}
    if any(limits.get(name, 0.0) > 0 for name in USUAL):
        return ""
    before, after = (pulls.judgement(session, side) for side in (row.merging["base"], row.head_version))
    return unjudged(before, after) if before is not None and after is not None else ""


def _made_for(session: Session, version: VersionRow) -> list[PullRequestRow]:
    open_ones = pulls.open_into(session, version.repository_id)
    return [row for row in open_ones if row.merging.get("result") == version.id]
