"""Pull requests: opened from a branch or a fork, checked, closed."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.orm import Session

from services.catalog.collaboration.following import may_show, set_head
from services.catalog.community import notices
from services.catalog.community.notices import Happened
from services.catalog.domain.bounds import Terms, check_bounds, narrowest
from services.catalog.domain.gate import USUAL, Check, CheckState, Opinion, approvals, evaluation
from services.catalog.domain.graph import Comparison, compare
from services.catalog.domain.refs import MAIN, RefKind, check_ref, pull_ref
from services.catalog.domain.road import State
from services.catalog.domain.roles import Role
from services.catalog.domain.visibility import require_account
from services.catalog.store import access, history, pulls, refs, repositories, versions
from services.catalog.store.pull_tables import PullRequestRow
from services.catalog.store.tables import RefRow, RepositoryRow
from services.common.clock import now
from services.common.errors import Conflict, Unprocessable
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pb

MAX_TITLE, MAX_BODY = 200, 20_000


def open_pull(session: Session, identity: Identity, request: pb.OpenPullRequest) -> PullRequestRow:
    """Asks that a branch takes over another one; who can read both may ask."""
    account = require_account(identity)
    target = repositories.readable(session, identity, request.owner, request.name)
    access.check_open(target)
    head_name = (request.head_owner or target.owner, request.head_name or target.name)
    source = repositories.readable(session, identity, *head_name)
    access.require(session, identity, source, Role.WRITE, archived_too=True)
    base = refs.get(session, target, request.base_ref or MAIN)
    check_moves(base)
    if not refs.tip_of(base):
        raise Unprocessable("The base has no version (any more).", hint="Push one first.", reason="BASE_IS_EMPTY")
    head = versions.resolve(session, source, check_ref(request.head_ref or MAIN))
    _check_text(request)
    row = _new(target, source, request, account, refs.tip_of(base), head.id)
    row.number = pulls.next_number(session, target.id)
    _check_sides(session, row, target)
    session.add(row)
    session.flush()
    set_head(session, row, head.id, account)
    notices.tell(session, target, Happened("pull-request", f"pull:{row.id}", str(row.number), row.title, account))
    return row


def close(session: Session, identity: Identity, request: pb.ClosePullRequest) -> PullRequestRow:
    """Ends a request unmerged: what it brought is not held any more."""
    repository = repositories.readable(session, identity, request.owner, request.name)
    row = pulls.get(session, repository, request.number)
    own = require_account(identity) == row.author
    row.closer = access.require(session, identity, repository, Role.READ if own else Role.TRIAGE)
    check_still_open(row)
    _end(session, repository, row)
    tell(session, repository, row, Happened("pull-closed", f"pull-closed:{row.id}", "", row.title, row.closer))
    return row


def close_from(session: Session, source: RepositoryRow) -> None:
    """Ends all requests by which other repositories show what this one has: it is taken down."""
    for row in pulls.open_out_of(session, source.id):
        repository = repositories.by_id(session, row.repository_id)
        _end(session, repository, row)
        tell(session, repository, row, Happened("pull-closed", f"pull-closed:{row.id}", "", row.title))


def _end(session: Session, repository: RepositoryRow, row: PullRequestRow) -> None:
    row.state, row.update_time, row.merging = pulls.CLOSED, now(), {}
    named = session.get(RefRow, (repository.id, pull_ref(row.number)))
    if named is not None:
        session.delete(named)
    let_go(session, row)


def let_go(session: Session, row: PullRequestRow) -> None:
    """What a request that has ended brought, and was not merged, is not held any more, unless another one brings it."""
    history.let_go(session, row.repository_id, row.number)
    session.flush()
    for other in pulls.open_into(session, row.repository_id):
        history.adopt(session, row.repository_id, other.head_version, other.number)


def tell(session: Session, repository: RepositoryRow, row: PullRequestRow, happened: Happened) -> None:
    """Tells the owner, whoever watches and who takes part in a request what happened to it (its subject)."""
    part = pulls.participants(session, row)
    notices.tell(session, repository, replace(happened, subject=str(row.number)), part)


def compared(session: Session, row: PullRequestRow) -> Comparison:
    """How the head stands to what the base has now."""
    return compare(history.lookup(session), base_tip(session, row), row.head_version)


def base_tip(session: Session, row: PullRequestRow) -> str:
    """The version that the base has now; of what is not open any more the one that it had then."""
    named = session.get(RefRow, (row.repository_id, row.base_ref)) if row.state == pulls.OPEN else None
    return refs.tip_of(named) or row.base_version


def checks(session: Session, row: PullRequestRow, found: Comparison) -> list[Check]:
    """Everything that must hold before a merge, as it stands now."""
    base = session.get(RefRow, (row.repository_id, row.base_ref))
    rules = base.protection if base is not None and base.protection is not None else {}
    tip = base_tip(session, row)
    answer = [_published(session, row), _history(found), _terms(session, tip, row)]
    answer += approvals(int(rules.get("approvals", 0)), _opinions(session, row), row.head_version)
    usual = USUAL if is_result(row) else None
    judged = evaluation(rules, pulls.judgement(session, tip), pulls.judgement(session, row.head_version), usual)
    return [*answer, judged] if judged is not None else answer


def is_result(row: PullRequestRow) -> bool:
    """Whether the head is what a merge of weights made, and waits for its checks to move the branch."""
    return bool(row.merging) and row.merging.get("result") == row.head_version


def makers_of(session: Session, row: PullRequestRow) -> set[str]:
    """Whose opinion of the head does not count: who asked, and who pushed it. What the hub merged is nobody's."""
    head = versions.get(session, row.head_version)
    return {row.author, head.author} if head is not None and head.ref else {row.author}


def check_still_open(row: PullRequestRow) -> None:
    """Conflict for what is merged or closed."""
    if row.state != pulls.OPEN:
        raise Conflict(f"Pull request {row.number} is {row.state}.", hint="Open another one.", reason="PULL_NOT_OPEN")


def check_moves(base: RefRow) -> None:
    """Unprocessable for what is no branch, also if one of that name was there when the request was opened."""
    if base.kind != RefKind.BRANCH:
        raise Unprocessable(
            f"{base.name} is no branch: only branches move.", hint="Ask into a branch.", reason="BASE_IS_NO_BRANCH"
        )


def terms_between(session: Session, base: str, head: str) -> list[Terms]:
    """What the base's version and all that bound it ask of what takes its place."""
    row = versions.get(session, base)
    bounds = [Terms.of(bound) for bound in row.bounds] if row is not None else []
    return narrowest([*bounds, Terms.of(row.declaration)] if row is not None else bounds)


def _new(
    target: RepositoryRow, source: RepositoryRow, request: pb.OpenPullRequest, account: str, base: str, head: str
) -> PullRequestRow:
    moment = now()
    return PullRequestRow(
        id=new_id(),
        repository_id=target.id,
        number=0,
        title=request.title.strip(),
        body=request.body,
        author=account,
        state=pulls.OPEN,
        base_ref=request.base_ref or MAIN,
        base_version=base,
        head_repository_id=source.id,
        head_ref=request.head_ref or MAIN,
        head_version=head,
        merging={},
        merge_failure="",
        closer="",
        create_time=moment,
        update_time=moment,
    )


def _check_text(request: pb.OpenPullRequest) -> None:
    fields = {}
    if not 1 <= len(request.title.strip()) <= MAX_TITLE:
        fields["title"] = f"1 to {MAX_TITLE} characters"
    if len(request.body) > MAX_BODY:
        fields["body"] = f"at most {MAX_BODY} characters"
    if fields:
        raise Unprocessable("The pull request cannot be kept so.", hint="Change what is named.", fields=fields)


def _check_sides(session: Session, row: PullRequestRow, target: RepositoryRow) -> None:
    if (row.head_repository_id, row.head_ref) == (row.repository_id, row.base_ref):
        raise Unprocessable("Both sides are the same branch.", hint="Push to another branch.", reason="SAME_BRANCH")
    if not may_show(session, row):
        raise Unprocessable(
            f"Everybody who reads {target.owner}/{target.name} would see what is private now.",
            hint="Make the fork public first: voicehub repo set OWNER/NAME --public.",
            reason="HEAD_IS_PRIVATE",
        )
    if not compared(session, row).ahead:
        raise Unprocessable(
            "The base has all that the head has.", hint="Push something to the head first.", reason="NOTHING_TO_MERGE"
        )


def _published(session: Session, row: PullRequestRow) -> Check:
    version = versions.get(session, row.head_version)
    state = version.state if version is not None else "gone"
    done = state == State.PUBLISHED
    return Check("published", CheckState.PASSED if done else CheckState.FAILED, f"The head is {state}.")


def _history(found: Comparison) -> Check:
    if not found.merge_bases:
        return Check("history", CheckState.FAILED, "The two voices have no version in common.")
    if not found.ahead:
        return Check("history", CheckState.FAILED, "The base has all that the head has.")
    if found.behind:
        told = f"The base has {found.behind} versions that the head lacks: merge the weights, or sync the fork."
        return Check("history", CheckState.PENDING, told)
    return Check("history", CheckState.PASSED, f"The base can move forward by {found.ahead}.")


def _terms(session: Session, tip: str, row: PullRequestRow) -> Check:
    head = versions.get(session, row.head_version)
    if head is None:
        return Check("terms", CheckState.FAILED, "The head is gone.")
    try:
        check_bounds(Terms.of(head.declaration), terms_between(session, tip, row.head_version))
    except Unprocessable as loosened:
        return Check("terms", CheckState.FAILED, "; ".join(loosened.fields.values()))
    return Check("terms", CheckState.PASSED, "Licence and consent are kept or tightened.")


def _opinions(session: Session, row: PullRequestRow) -> list[Opinion]:
    """Reviews of those who may write now, and did not make themselves what they hear."""
    repository = repositories.by_id(session, row.repository_id)
    makers = makers_of(session, row)
    said = [one for one in pulls.reviews(session, row.id) if one.author not in makers]
    may = {
        author: access.role_of(session, Identity(author, "catalog"), repository) >= Role.WRITE
        for author in {one.author for one in said}
    }
    return [Opinion(one.author, one.version_id, one.verdict == "approve") for one in said if may[one.author]]
