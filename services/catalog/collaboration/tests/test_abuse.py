"""Roles that people try to make more of than they are: reviews of one's own, offers that outlive a role, own judges."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.catalog.collaboration.tests.inside import Inside
from services.catalog.collaboration.tests.test_erasing import asked, fork, made, pull
from services.catalog.community.issue_service import IssueService
from services.catalog.community.moderation_service import ModerationService
from services.catalog.community.tables import ModeratorRow
from services.common.clock import now
from services.common.errors import Conflict, Forbidden, Unprocessable
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import access_pb2, issues_pb2, moderation_pb2, pulls_pb2, refs_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

ANN: dict[str, Any] = {"owner": "ann", "name": "voice"}


def grant(hub: Inside, owner: str, account: str, role: str) -> None:
    given = access_pb2.Grant(account=account, role=role)
    request = access_pb2.SetCollaboratorRequest(owner=owner, name="voice", grant=given)
    hub.ask(owner, hub.access.SetCollaborator, request)


def test_who_pushed_the_head_does_not_approve_it_whoever_asked(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", 1)
    rules = refs_pb2.ProtectRefRequest(**ANN, ref="main", protected=True, protection=refs_pb2.Protection(approvals=1))
    hub.ask("ann", hub.refs.ProtectRef, rules)
    grant(hub, "ann", "bob", "write")
    fork(hub, "eve", "ann")
    grant(hub, "eve", "bob", "write")
    version = hub.push("bob", "eve", "voice", 2)
    hub.publish(version.id, 2)
    ask = asked(hub, "eve", "ann", version.id)
    approve = pulls_pb2.ReviewPullRequest(**ANN, number=1, version=version.id, verdict=pulls_pb2.REVIEW_VERDICT_APPROVE)
    assert not hub.ask("bob", hub.pulls.ReviewPull, approve).review.counts
    assert not pull(hub, ask).mergeable
    with pytest.raises(Unprocessable):
        hub.ask("bob", hub.pulls.MergePull, ask)
    grant(hub, "ann", "cyd", "write")
    assert hub.ask("cyd", hub.pulls.ReviewPull, approve).review.counts
    assert pull(hub, ask).mergeable


def test_an_offer_is_void_once_whoever_made_it_lost_the_role(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", 1)
    grant(hub, "ann", "eve", "admin")
    offer = access_pb2.OfferTransferRequest(**ANN, new_owner="eve")
    made_offer = hub.ask("eve", hub.access.OfferTransfer, offer).transfer
    grant(hub, "ann", "eve", "read")
    accept = access_pb2.AnswerTransferRequest(id=made_offer.id, accepted=True)
    with pytest.raises(Unprocessable) as told:
        hub.ask("eve", hub.access.AnswerTransfer, accept)
    assert told.value.reason == "OFFER_VOID"
    assert hub.ask("ann", hub.catalog.GetRepository, pb.GetRepositoryRequest(**ANN)).repository.role == "admin"
    offer.new_owner = "bob"
    again = hub.ask("ann", hub.access.OfferTransfer, offer).transfer
    accept.id = again.id
    assert hub.ask("bob", hub.access.AnswerTransfer, accept).repository.owner == "bob"


def test_options_of_a_merge_are_short_enough_for_an_event(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", 1)
    fork(hub, "bob", "ann")
    made(hub, "ann", 2)
    ask = asked(hub, "bob", "ann", made(hub, "bob", 3))
    ask.strategy = pulls_pb2.MERGE_STRATEGY_WEIGHTS
    ask.options.CopyFrom(to_struct({"choices": {f"s2/{number}.": "ours" for number in range(5000)}}))
    with pytest.raises(Unprocessable) as told:
        hub.ask("ann", hub.pulls.MergePull, ask)
    assert told.value.reason == "BAD_RECIPE"
    assert not pull(hub, ask).merging


def test_nobody_judges_reports_about_a_voice_of_their_own(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    moderation = ModerationService(hub.database)
    made(hub, "ann", 1)
    with hub.database.write() as session:
        session.add_all(ModeratorRow(account=account, create_time=now()) for account in ("ann", "mod"))
    report = hub.ask("bob", hub.catalog.ReportRepository, pb.ReportRepositoryRequest(**ANN, reason="That is my voice."))
    dismiss = moderation_pb2.DecideReportRequest(id=report.report_id)
    take_down = moderation_pb2.DecideReportRequest(id=report.report_id, take_down=True, note="No consent.")
    with pytest.raises(Forbidden) as told:
        hub.ask("ann", moderation.DecideReport, dismiss)
    assert told.value.reason == "OWN_VOICE"
    hub.ask("mod", moderation.DecideReport, take_down)
    with pytest.raises(Conflict):
        hub.ask("mod", moderation.DecideReport, dismiss)
    (taken,) = hub.ask("ann", moderation.ListTakedowns, moderation_pb2.ListTakedownsRequest()).takedowns
    with pytest.raises(Forbidden):
        hub.ask("ann", moderation.DecideTakedown, moderation_pb2.DecideTakedownRequest(id=taken.id, restore=True))


def test_nothing_is_said_any_more_to_issues_of_what_is_archived(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    issues = IssueService(hub.database)
    made(hub, "ann", 1)
    hub.ask("eve", issues.CreateIssue, issues_pb2.CreateIssueRequest(**ANN, title="Lisps"))
    hub.ask("ann", hub.access.ArchiveRepository, access_pb2.ArchiveRepositoryRequest(**ANN, archived=True))
    comment = issues_pb2.CreateIssueCommentRequest(**ANN, number=1, text="And now?")
    close = issues_pb2.UpdateIssueRequest(**ANN, number=1, state="closed")
    for account, method, request in (("eve", issues.CreateIssueComment, comment), ("ann", issues.UpdateIssue, close)):
        with pytest.raises(Forbidden) as told:
            hub.ask(account, method, request)
        assert told.value.reason == "ARCHIVED"
