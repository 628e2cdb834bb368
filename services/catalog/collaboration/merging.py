"""Merging a pull request: the branch moves forward, or the weights of both sides become a new head first.

Weights are merged by a worker that has the tensors; its result is a version with two parents that walks the whole road
(scan, export, behaviour test) and is judged as the head of the request before the branch moves (`settling`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gptsovits.merging import Recipe
from services.catalog import events, pushing
from services.catalog.collaboration import pulls as requests
from services.catalog.collaboration import settling
from services.catalog.domain.bounds import STRICTNESS, Terms, check_bounds, joint_licenses, narrowest
from services.catalog.domain.gate import head_moved, require
from services.catalog.domain.graph import Comparison
from services.catalog.domain.roles import Role
from services.catalog.store import access, history, pulls, refs, repositories, versions
from services.catalog.store.pull_tables import PullRequestRow
from services.catalog.store.tables import VersionRow
from services.common.clock import now
from services.common.errors import Conflict, NotFound, Unprocessable
from services.common.identity import Identity
from services.common.objects import ObjectStore
from services.common.structs import from_struct
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pb
from services.stubs.voicehub.common.v1 import common_pb2

MAX_OPTIONS = 16_000


def merge(session: Session, identity: Identity, request: pb.MergePullRequest) -> PullRequestRow:
    """Merges, or begins to; Unprocessable names every check that has not passed."""
    repository = repositories.readable(session, identity, request.owner, request.name)
    account = access.require(session, identity, repository, Role.WRITE)
    row = pulls.get(session, repository, request.number)
    requests.check_still_open(row)
    requests.check_moves(refs.get(session, repository, row.base_ref))
    if request.expected_head != row.head_version:
        raise head_moved(row.number, row.head_version, request.expected_head)
    found = requests.compared(session, row)
    if request.strategy == pb.MERGE_STRATEGY_WEIGHTS:
        return _begin(session, row, found, account, from_struct(request.options))
    require(requests.checks(session, row, found))
    settling.move(session, row, repository, account)
    return row


def complete(
    session: Session, objects: ObjectStore, account: str, request: pb.CompleteMergeRequest
) -> VersionRow | None:
    """Takes the worker's result: a version with both sides as parents, which becomes the head when it is published."""
    row = _asked(session, request)
    if "result" in row.merging:
        return versions.get(session, row.merging["result"])
    repository = repositories.by_id(session, row.repository_id)
    if why := request.failure or settling.stands_against(session, row, repository):
        settling.fail(session, row, why)
        return None
    sides = [request.base_version, request.head_version]
    request.result.declaration.CopyFrom(joint_declaration(session, sides))
    made = pushing.merged(session, objects, repository, row.merging["account"] or account, request.result, sides)
    history.hold(session, repository.id, [made.sequence], row.number)
    row.merging = {**row.merging, "result": made.id}
    return made


def joint_declaration(session: Session, sides: list[str]) -> common_pb2.Declaration:
    """What holds for a voice made from both: the loosest licence that respects both, the stricter consent."""
    rows = [row for side in sides if (row := versions.get(session, side)) is not None]
    own = [Terms.of(row.declaration) for row in rows]
    bounds = narrowest([*own, *(Terms.of(bound) for row in rows for bound in row.bounds)])
    fit = [one.license for one in own if all(one.respects(Terms(b.license, one.consent)) for b in bounds)]
    licence = next(iter(fit), "") or next(iter(joint_licenses(bounds)), "")
    consent = max((bound.consent for bound in bounds), key=STRICTNESS.__getitem__)
    if not licence:
        raise Unprocessable(
            f"The licences {' and '.join(sorted({b.license for b in bounds}))} exclude each other.",
            hint="Ask one side for another licence.",
            reason="TERMS_EXCLUDE",
        )
    check_bounds(Terms(licence, consent), bounds)
    sources = " + ".join(dict.fromkeys(str(row.declaration["source"]) for row in rows))
    return common_pb2.Declaration(source=sources[:2000], license=licence, consent=consent.value)


def _begin(
    session: Session, row: PullRequestRow, found: Comparison, account: str, options: dict[str, Any]
) -> PullRequestRow:
    if row.merging:
        raise Conflict("The weights are being merged already.", hint="Wait for the result.", reason="MERGE_UNDER_WAY")
    if not found.merge_bases:
        raise Unprocessable(
            "The two voices have no version in common.", hint="Merge forks of one voice.", reason="UNRELATED"
        )
    if not found.ahead:
        raise Unprocessable(
            "The base has all that the head has.", hint="Close the request, or push more.", reason="NOTHING_TO_MERGE"
        )
    if not found.behind:
        raise Unprocessable(
            "The base has nothing that the head lacks.", hint="Merge by fast-forward.", reason="NOTHING_TO_MERGE"
        )
    _check_options(options)
    base = requests.base_tip(session, row)
    _check_there(session, found.merge_bases)
    _check_alike(session, base, row.head_version)
    joint_declaration(session, [base, row.head_version])
    row.merging = {"base": base, "head": row.head_version, "options": options, "account": account}
    row.merge_failure, row.update_time = "", now()
    events.merge_requested(session, row, found.merge_bases, account)
    return row


def _check_options(options: dict[str, Any]) -> None:
    """They travel in an event, so they are short."""
    try:
        Recipe.of(options)
        if len(json.dumps(options)) > MAX_OPTIONS:
            raise ValueError(f"the options have more than {MAX_OPTIONS} characters")
    except ValueError as error:
        raise Unprocessable(
            f"These weights cannot be merged so: {error}.",
            hint='For example {"strategy": "ties", "choices": {"decoder": "theirs"}}.',
            reason="BAD_RECIPE",
            fields={"options": str(error)},
        ) from error


def _check_there(session: Session, merge_bases: Sequence[str]) -> None:
    """A merge needs the weights that both sides grew from."""
    for version in merge_bases:
        row = versions.get(session, version)
        if row is None or row.free_time is not None:
            raise Unprocessable(
                f"The common ancestor {version} was erased.", hint="Merge by hand, and push.", reason="BASE_ERASED"
            )


def _check_alike(session: Session, base: str, head: str) -> None:
    """Only voices that stand on the same bases have weights that can be merged."""
    sides = [row for side in (base, head) if (row := versions.get(session, side)) is not None]
    kinds = {kind for row in sides for kind in row.requires}
    fields = {
        f"requires.{kind}": " ≠ ".join(str(row.requires.get(kind, "none"))[:24] for row in sides)
        for kind in sorted(kinds)
        if len({row.requires.get(kind) for row in sides}) > 1
    }
    if len({row.family for row in sides}) > 1:
        fields["family"] = " ≠ ".join(row.family for row in sides)
    if fields:
        raise Unprocessable(
            "The two sides stand on different bases.",
            hint="Fine-tune the head from the base's encoder, symbols and family.",
            reason="BASES_DIFFER",
            fields=fields,
        )


def _asked(session: Session, request: pb.CompleteMergeRequest) -> PullRequestRow:
    row = session.scalars(select(PullRequestRow).where(PullRequestRow.id == request.pull_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such pull request.", hint="Report the id of the event.", reason="PULL_NOT_FOUND")
    requests.check_still_open(row)
    sides = (row.merging.get("base"), row.merging.get("head"))
    if sides != (request.base_version, request.head_version):
        raise Conflict(
            "This merge is not asked for any more.", hint="The sides have moved on.", reason="MERGE_OUTDATED"
        )
    return row
