"""Watching, issues and moderation in the catalog as a process."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from click.testing import CliRunner
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from services.catalog.community.tables import ModerationLogRow
from services.catalog.tests.conftest import Hub
from services.common.admin.main import main
from services.common.database import Database
from services.common.errors import Conflict, Forbidden, NotFound, Unauthenticated, VoiceHubError, from_rpc
from services.common.identity import Identity, Signer
from services.common.rpc import make_channel
from services.stubs.voicehub.catalog.v1 import catalog_pb2, issues_pb2, moderation_pb2, watching_pb2
from services.stubs.voicehub.catalog.v1.issues_pb2_grpc import IssueServiceStub
from services.stubs.voicehub.catalog.v1.moderation_pb2_grpc import ModerationServiceStub
from services.stubs.voicehub.catalog.v1.watching_pb2_grpc import WatchServiceStub


def as_person(hub: Hub, account: str, stub: Any) -> Any:
    signer = Signer(hub.data / "keys", "gateway")
    channel = make_channel(hub.address, lambda: signer.sign(Identity(account)))
    hub.channels.append(channel)
    return stub(channel)


def refused(call: Any, request: Any) -> VoiceHubError:
    with pytest.raises(grpc.RpcError) as caught:
        call(request)
    return from_rpc(caught.value)


def told(hub: Hub, account: str) -> list[tuple[str, str, str]]:
    found = as_person(hub, account, WatchServiceStub).ListNotices(watching_pb2.ListNoticesRequest()).notices
    return [(one.kind, one.name, one.actor) for one in found]


def published(hub: Hub, owner: str, name: str) -> catalog_pb2.Version:
    stub = hub.stub(owner)
    version = stub.CreateVersion(hub.push_request(owner, name)).version
    hub.walk(version.id)
    return hub.until(stub, owner, name, version.id, catalog_pb2.VERSION_STATE_PUBLISHED)


def test_who_watches_is_told_once_and_who_acts_is_not(hub: Hub) -> None:
    hub.stub("wes").CreateRepository(catalog_pb2.CreateRepositoryRequest(owner="wes", name="watched"))
    watcher = as_person(hub, "wil", WatchServiceStub)
    watch = watching_pb2.SetWatchRequest(owner="wes", name="watched", watching=True)
    assert [watcher.SetWatch(watch).watchers for _ in range(2)] == [1, 1]
    published(hub, "wes", "watched")
    hub.eventually(lambda: told(hub, "wil"), lambda found: len(found) == 1)
    said = catalog_pb2.CreateCommentRequest(owner="wes", name="watched", text="Lovely.", idempotency_key="k")
    for _ in range(2):
        hub.stub("wil").CreateComment(said)
    assert told(hub, "wil") == [("version", "watched", "wes")]
    assert told(hub, "wes") == [("comment", "watched", "wil")]
    assert told(hub, "somebody") == []
    unread = watching_pb2.ListNoticesRequest(unread_only=True)
    assert watcher.MarkNoticesRead(watching_pb2.MarkNoticesReadRequest()).up_to > 0
    assert not watcher.ListNotices(unread).notices
    watcher.SetWatch(watching_pb2.SetWatchRequest(owner="wes", name="watched", watching=False))
    hub.stub("bea").CreateComment(catalog_pb2.CreateCommentRequest(owner="wes", name="watched", text="Hm."))
    assert len(told(hub, "wil")) == 1


def test_what_became_private_is_not_told_any_more(hub: Hub) -> None:
    stub = hub.stub("pia")
    stub.CreateRepository(catalog_pb2.CreateRepositoryRequest(owner="pia", name="closing"))
    watcher = as_person(hub, "pat", WatchServiceStub)
    watcher.SetWatch(watching_pb2.SetWatchRequest(owner="pia", name="closing", watching=True))
    stub.CreateComment(catalog_pb2.CreateCommentRequest(owner="pia", name="closing", text="soon"))
    assert told(hub, "pat") == [("comment", "closing", "pia")]
    private = catalog_pb2.VISIBILITY_PRIVATE
    stub.UpdateRepository(catalog_pb2.UpdateRepositoryRequest(owner="pia", name="closing", visibility=private))
    assert told(hub, "pat") == []
    issues = as_person(hub, "pat", IssueServiceStub)
    for request in ("closing", "absent"):
        found = refused(issues.ListIssues, issues_pb2.ListIssuesRequest(owner="pia", name=request))
        assert isinstance(found, NotFound)


def test_issues_are_opened_talked_about_labelled_and_closed(hub: Hub) -> None:
    hub.stub("ida").CreateRepository(catalog_pb2.CreateRepositoryRequest(owner="ida", name="spoken"))
    where: dict[str, Any] = {"owner": "ida", "name": "spoken"}
    ida, ivo, eve = (as_person(hub, name, IssueServiceStub) for name in ("ida", "ivo", "eve"))
    new = issues_pb2.CreateIssueRequest(**where, title="Lisps", body="At the end.", idempotency_key="one")
    assert [ivo.CreateIssue(new).issue.number for _ in range(2)] == [1, 1]
    assert eve.CreateIssue(issues_pb2.CreateIssueRequest(**where, title="Too fast")).issue.number == 2
    ida.CreateIssueComment(issues_pb2.CreateIssueCommentRequest(**where, number=1, text="Which word?"))
    assert told(hub, "ivo") == [("issue-comment", "spoken", "ida")]
    label = issues_pb2.UpdateIssueRequest(**where, number=1, labels=issues_pb2.Labels(names=["bug", "en"]))
    assert isinstance(refused(ivo.UpdateIssue, label), Forbidden)
    assert list(ida.UpdateIssue(label).issue.labels) == ["bug", "en"]
    close = issues_pb2.UpdateIssueRequest(**where, number=1, state="closed")
    assert isinstance(refused(eve.UpdateIssue, close), Forbidden)
    closed = ivo.UpdateIssue(close).issue
    assert (closed.state, closed.closed_by, list(closed.labels), closed.comments) == ("closed", "ivo", ["bug", "en"], 1)
    listed = {state: eve.ListIssues(issues_pb2.ListIssuesRequest(**where, state=state)).issues for state in ("", "all")}
    assert {state: [issue.number for issue in found] for state, found in listed.items()} == {"": [2], "all": [2, 1]}
    by_label = eve.ListIssues(issues_pb2.ListIssuesRequest(**where, state="all", label="bug")).issues
    assert [issue.number for issue in by_label] == [1]
    comments = eve.ListIssueComments(issues_pb2.ListIssueCommentsRequest(**where, number=1)).comments
    assert [(one.author, one.text) for one in comments] == [("ida", "Which word?")]
    visitor = as_person(hub, "", IssueServiceStub)
    assert isinstance(refused(visitor.CreateIssue, new), Unauthenticated)
    assert visitor.GetIssue(issues_pb2.GetIssueRequest(**where, number=1)).issue.title == "Lisps"
    assert isinstance(refused(visitor.GetIssue, issues_pb2.GetIssueRequest(**where, number=9)), NotFound)


def seen(hub: Hub, account: str, version: catalog_pb2.Version) -> set[str]:
    """By which ways the voice `mal/stolen` is seen."""
    stub = hub.stub(account)
    where: dict[str, Any] = {"owner": "mal", "name": "stolen"}
    calls: dict[str, tuple[Any, Any]] = {
        "repository": (stub.GetRepository, catalog_pb2.GetRepositoryRequest(**where)),
        "version": (stub.GetVersion, catalog_pb2.GetVersionRequest(**where)),
        "history": (stub.ListVersions, catalog_pb2.ListVersionsRequest(**where)),
        "comments": (stub.ListComments, catalog_pb2.ListCommentsRequest(**where)),
        "similar": (stub.ListSimilarVoices, catalog_pb2.ListSimilarVoicesRequest(**where)),
        "download": (
            stub.ResolveDownload,
            catalog_pb2.ResolveDownloadRequest(**where, version=version.id, digest=version.tensors[0].digest),
        ),
    }
    found: set[str] = set()
    for way, (call, request) in calls.items():
        found |= {way} if answers(call, request) else set()
    listed = stub.ListRepositories(catalog_pb2.ListRepositoriesRequest(owner="mal")).repositories
    hits = stub.SearchVoices(catalog_pb2.SearchVoicesRequest(query="stolen"))
    return found | ({"list"} if listed else set()) | ({"search"} if hits.hits or hits.total else set())


def answers(call: Any, request: Any) -> bool:
    """Whether there is an answer; otherwise it must be NOT_FOUND."""
    done = call.future(request)
    return done.exception() is None or not isinstance(from_rpc(done.exception()), NotFound)


EVERYWHERE = {"repository", "version", "history", "comments", "similar", "download", "list", "search"}


def test_a_take_down_hides_at_once_keeps_evidence_and_can_be_appealed(hub: Hub) -> None:
    version = published(hub, "mal", "stolen")
    assert seen(hub, "zoe", version) == seen(hub, "mal", version) == EVERYWHERE
    report = catalog_pb2.ReportRepositoryRequest(owner="mal", name="stolen", reason="That is my voice.")
    report_id = hub.stub("zoe").ReportRepository(report).report_id
    mal, zoe, mod = (as_person(hub, name, ModerationServiceStub) for name in ("mal", "zoe", "mod"))
    queue = moderation_pb2.ListReportsRequest()
    for person in (mal, zoe, mod):
        assert isinstance(refused(person.ListReports, queue), Forbidden)
    place = ["--data", str(hub.data)]
    assert CliRunner().invoke(main, ["moderators", "add", "mod", *place]).exit_code == 0
    assert CliRunner().invoke(main, ["moderators", "ls", *place]).output == "mod\n"
    assert [(one.id, one.reporter) for one in mod.ListReports(queue).reports] == [(report_id, "zoe")]
    decide = moderation_pb2.DecideReportRequest(id=report_id, take_down=True, note="No consent of the speaker.")
    assert isinstance(refused(zoe.DecideReport, decide), Forbidden)
    assert mod.DecideReport(decide).report.state == "taken-down"
    assert seen(hub, "zoe", version) == seen(hub, "mal", version) == seen(hub, "mod", version) == set()
    assert isinstance(refused(mod.DecideReport, decide), Conflict)
    assert refused(hub.stub("mal").CreateVersion, hub.push_request("mal", "stolen")).reason == "TAKEN_DOWN"
    assert told(hub, "mal")[0] == ("take-down", "stolen", "")
    assert told(hub, "zoe") == []
    _appeal(hub, mal, zoe, mod, version)


def _appeal(hub: Hub, mal: Any, zoe: Any, mod: Any, version: catalog_pb2.Version) -> None:
    listed = moderation_pb2.ListTakedownsRequest()
    own = mal.ListTakedowns(listed).takedowns[0]
    assert (own.name, own.reason, own.appeal_state) == ("stolen", "No consent of the speaker.", "none")
    assert not own.HasField("evidence")
    assert not zoe.ListTakedowns(listed).takedowns
    evidence = mod.ListTakedowns(listed).takedowns[0].evidence
    assert evidence["versions"][0]["id"] == version.id
    assert evidence["versions"][0]["declaration"]["consent"] == "self"
    appeal = moderation_pb2.AppealRequest(id=own.id, text="I have a letter of the speaker.")
    assert isinstance(refused(zoe.Appeal, appeal), NotFound)
    assert mal.Appeal(appeal).takedown.appeal_state == "open"
    assert isinstance(refused(mal.Appeal, appeal), Conflict)
    uphold = moderation_pb2.DecideTakedownRequest(id=own.id, restore=False, note="Send it.")
    assert mod.DecideTakedown(uphold).takedown.appeal_state == "upheld"
    assert seen(hub, "zoe", version) == set()
    restore = moderation_pb2.DecideTakedownRequest(id=own.id, restore=True, note="Thank you.")
    assert mod.DecideTakedown(restore).takedown.HasField("end_time")
    assert seen(hub, "zoe", version) == seen(hub, "mal", version) == EVERYWHERE
    assert [kind for kind, _, _ in told(hub, "mal")[:3]] == ["restored", "appeal-answered", "take-down"]
    _log_is_whole(hub)


def _log_is_whole(hub: Hub) -> None:
    database = Database(f"sqlite:///{hub.data / 'db' / 'catalog.sqlite'}")
    with database.read() as session:
        actions = session.execute(select(ModerationLogRow.actor, ModerationLogRow.action)).all()
    assert [tuple(row) for row in actions] == [
        ("operator", "moderator.add"), ("mod", "report.taken-down"), ("mod", "takedown"), ("mal", "appeal"),
        ("mod", "takedown.upheld"), ("mod", "takedown.restored"),
    ]  # fmt: skip
    with pytest.raises(DBAPIError, match="only added"), database.write() as session:
        session.execute(text("DELETE FROM moderation_log"))
    database.engine.dispose()
