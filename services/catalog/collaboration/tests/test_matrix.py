"""Roles × visibility × verbs: who may do what, and who is told that there is nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from services.catalog.collaboration.tests.steps import pulls_of, pushed, refs_of
from services.catalog.tests.conftest import Hub
from services.common.errors import from_rpc
from services.stubs.voicehub.catalog.v1 import (
    access_pb2,
    access_pb2_grpc,
    issues_pb2,
    issues_pb2_grpc,
    pulls_pb2,
    refs_pb2,
)
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

OWNER, NAME = "olga", "matrix"
ROLES = ("nobody", "visitor", "read", "triage", "write", "maintain", "admin", "member", "owner")
LADDER = ("read", "triage", "write", "maintain", "admin")
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Verb:
    """A call, and the least role that may do it; `account` also where reading needs no role."""

    name: str
    least: str
    call: Callable[[Hub, str, str, str], Any]
    account: bool = True


def _at(name: str) -> dict[str, Any]:
    return {"owner": OWNER, "name": name}


VERBS = (
    Verb("look", "read", lambda h, w, n, v: h.stub(w).GetRepository(pb.GetRepositoryRequest(**_at(n))), False),
    Verb("version", "read", lambda h, w, n, v: h.stub(w).GetVersion(pb.GetVersionRequest(**_at(n))), False),
    Verb("versions", "read", lambda h, w, n, v: h.stub(w).ListVersions(pb.ListVersionsRequest(**_at(n))), False),
    Verb("refs", "read", lambda h, w, n, v: refs_of(h, w).ListRefs(refs_pb2.ListRefsRequest(**_at(n))), False),
    Verb("log", "read", lambda h, w, n, v: refs_of(h, w).ListHistory(refs_pb2.ListHistoryRequest(**_at(n))), False),
    Verb("star", "read", lambda h, w, n, v: h.stub(w).SetStar(pb.SetStarRequest(**_at(n), starred=True))),
    Verb("comment", "read", lambda h, w, n, v: h.stub(w).CreateComment(pb.CreateCommentRequest(**_at(n), text="hm"))),
    Verb(
        "tag",
        "write",
        lambda h, w, n, v: refs_of(h, w).SetRef(
            refs_pb2.SetRefRequest(**_at(n), ref=f"by-{w}", version=v, kind=refs_pb2.REF_KIND_TAG)
        ),
    ),
    Verb("push", "write", lambda h, w, n, v: h.stub(w).CreateVersion(h.push_request(OWNER, n, ref=f"of-{w}"))),
    Verb(
        "protect",
        "maintain",
        lambda h, w, n, v: refs_of(h, w).ProtectRef(refs_pb2.ProtectRefRequest(**_at(n), ref="main")),
    ),
    Verb("label", "triage", lambda h, w, n, v: _issues(h, w).UpdateIssue(_labelled(n))),
    Verb("close", "triage", lambda h, w, n, v: pulls_of(h, w).ClosePull(_close(_opened(h, n, v)))),
    Verb("merge", "write", lambda h, w, n, v: pulls_of(h, w).MergePull(_opened(h, n, v))),
    Verb(
        "visibility",
        "admin",
        lambda h, w, n, v: h.stub(w).UpdateRepository(pb.UpdateRepositoryRequest(**_at(n))),
    ),
    Verb(
        "collaborators",
        "write",
        lambda h, w, n, v: _access(h, w).ListCollaborators(access_pb2.ListCollaboratorsRequest(**_at(n))),
    ),
    Verb(
        "offer",
        "admin",
        lambda h, w, n, v: _access(h, w).OfferTransfer(access_pb2.OfferTransferRequest(**_at(n))),
    ),
    Verb(
        "archive",
        "admin",
        lambda h, w, n, v: _access(h, w).ArchiveRepository(access_pb2.ArchiveRepositoryRequest(**_at(n))),
    ),
    Verb(
        "rename",
        "admin",
        lambda h, w, n, v: _access(h, w).RenameRepository(access_pb2.RenameRepositoryRequest(**_at(n), new_name=n)),
    ),
)


def _access(hub: Hub, account: str) -> access_pb2_grpc.AccessServiceStub:
    return access_pb2_grpc.AccessServiceStub(hub.channel(account))


def _issues(hub: Hub, account: str) -> issues_pb2_grpc.IssueServiceStub:
    return issues_pb2_grpc.IssueServiceStub(hub.channel(account))


def _labelled(name: str) -> issues_pb2.UpdateIssueRequest:
    return issues_pb2.UpdateIssueRequest(**_at(name), number=1, labels=issues_pb2.Labels(names=["heard"]))


def _opened(hub: Hub, name: str, version: str) -> pulls_pb2.MergePullRequest:
    """A pull request of the organisation's own into a fresh branch, and how it is merged."""
    base = f"base-{next(_NUMBERS)}"
    refs_of(hub, "boss").SetRef(refs_pb2.SetRefRequest(**_at(name), ref=base, version=version))
    request = pulls_pb2.OpenPullRequest(**_at(name), base_ref=base, head_ref="ahead", title="better")
    made = pulls_of(hub, "boss").OpenPull(request).pull
    return pulls_pb2.MergePullRequest(**_at(name), number=made.number, expected_head=made.head_version)


def _close(opened: pulls_pb2.MergePullRequest) -> pulls_pb2.ClosePullRequest:
    return pulls_pb2.ClosePullRequest(owner=opened.owner, name=opened.name, number=opened.number)


@pytest.fixture(scope="module")
def repositories(hub: Hub) -> dict[str, str]:
    """An organisation's public and private repository, with somebody of each role; ids of their versions."""
    organisations = access_pb2_grpc.OrganisationServiceStub(hub.channel("boss"))
    organisations.CreateOrganisation(access_pb2.CreateOrganisationRequest(name=OWNER))
    grant = access_pb2.Grant(account="member", role="write")
    organisations.SetMember(access_pb2.SetMemberRequest(organisation=OWNER, grant=grant))
    made = {}
    for visibility in ("public", "private"):
        name = f"{NAME}-{visibility}"
        kind = pb.VISIBILITY_PRIVATE if visibility == "private" else pb.VISIBILITY_PUBLIC
        made[visibility] = pushed(hub, OWNER, name, account="boss", visibility_if_new=kind)
        pushed(hub, OWNER, name, account="boss", ref="ahead")
        _issues(hub, "boss").CreateIssue(issues_pb2.CreateIssueRequest(**_at(name), title="Lisps"))
        for role in LADDER:
            grant = access_pb2.Grant(account=role, role=role)
            _access(hub, "boss").SetCollaborator(access_pb2.SetCollaboratorRequest(**_at(name), grant=grant))
    return made


def expected(role: str, visibility: str, verb: Verb) -> int:
    """The HTTP status: 0 allowed, 401 nobody, 403 seen but not allowed, 404 not there."""
    has = {"owner": "admin", "member": "write"}.get(role, role)
    reads = visibility == "public" or has in LADDER
    if verb.name == "push" and not reads:
        return 401 if role == "nobody" else 403  # a push names what may be new: the answer tells nothing
    if role == "nobody" and verb.name in ("star", "comment", "label"):
        return 401
    if not reads:
        return 404
    if role == "nobody" and verb.account:
        return 401
    rank = LADDER.index(has) if has in LADDER else LADDER.index("read")
    return 0 if rank >= LADDER.index(verb.least) else 403


@pytest.mark.parametrize(
    ("visibility", "verb"),
    list(itertools.product(("public", "private"), VERBS)),
    ids=lambda value: getattr(value, "name", value),
)
def test_every_role_may_what_the_matrix_says(
    hub: Hub, repositories: dict[str, str], visibility: str, verb: Verb
) -> None:
    for role in ROLES:
        account = {"nobody": "", "owner": "boss"}.get(role, role)
        seen = _status(lambda: verb.call(hub, account, f"{NAME}-{visibility}", repositories[visibility]))  # noqa: B023
        assert seen[0] == expected(role, visibility, verb), f"{role} {verb.name}: {seen}"
        if seen[0] == 404 or (verb.name == "push" and seen[0] == 403 and visibility == "private" and role == "visitor"):
            absent = _status(lambda: verb.call(hub, account, f"{NAME}-absentee", repositories[visibility]))  # noqa: B023
            assert seen[1].replace(f"{NAME}-private", f"{NAME}-absentee") == absent[1]


def _status(call: Callable[[], Any]) -> tuple[int, str]:
    try:
        call()
    except grpc.RpcError as error:
        told = from_rpc(error)
        return told.http_status, f"{told.message}|{told.hint}|{told.reason}|{sorted(told.fields.items())}"
    return 0, ""
