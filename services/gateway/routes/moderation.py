"""Reports for moderators; take-downs for them and for the owners."""

from __future__ import annotations

from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import choice, page_of, record, reference, text
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import moderation_pb2 as pb

resource = Resource("moderation")
_REPORT, _TAKEDOWN = pb.ModerationReport.DESCRIPTOR, pb.Takedown.DESCRIPTOR
_STATE = Parameter("state", choice("open", "dismissed", "taken-down"), note="`open` if not said.")
_NOTE = text(4000, least=0, note="The owner reads it.")
_DECISION = record({"decision": choice("dismiss", "take-down")}, {"note": _NOTE})
_ANSWER = record({"decision": choice("uphold", "restore")}, {"note": _NOTE})


@resource.route(
    "GET",
    "/v1/moderation/reports",
    "Read the reports",
    Answer(200, page_of(reference(_REPORT))),
    scope=Scope.READ,
    parameters=(_STATE, *PAGE),
    messages=(_REPORT,),
)
def list_reports(call: Call) -> Reply:
    """For moderators, oldest first."""
    request = pb.ListReportsRequest(state=call.query.get("state", ""), page=page(call))
    found = ask(call.hub.clients.moderation.ListReports, request)
    return Reply({"items": [to_json(one) for one in found.reports], "next_cursor": found.next_cursor})


@resource.route(
    "POST",
    "/v1/moderation/reports/{report}/decision",
    "Decide about a report",
    Answer(200, reference(_REPORT)),
    body=_DECISION,
    scope=Scope.WRITE,
)
def decide_report(call: Call, report: str) -> Reply:
    """For moderators. A take-down hides the repository from everybody at once, and needs a note."""
    take_down = call.body["decision"] == "take-down"
    request = pb.DecideReportRequest(id=report, take_down=take_down, note=call.body.get("note", ""))
    return Reply(to_json(ask(call.hub.clients.moderation.DecideReport, request).report))


@resource.route(
    "GET",
    "/v1/takedowns",
    "List take-downs",
    Answer(200, page_of(reference(_TAKEDOWN))),
    scope=Scope.READ,
    parameters=PAGE,
    messages=(_TAKEDOWN,),
)
def list_takedowns(call: Call) -> Reply:
    """Of one's own repositories; moderators see all of them, with the evidence."""
    found = ask(call.hub.clients.moderation.ListTakedowns, pb.ListTakedownsRequest(page=page(call)))
    return Reply({"items": [to_json(one) for one in found.takedowns], "next_cursor": found.next_cursor})


@resource.route(
    "POST",
    "/v1/takedowns/{takedown}/appeal",
    "Appeal",
    Answer(200, reference(_TAKEDOWN)),
    body=record({"text": text(4000)}),
    scope=Scope.WRITE,
)
def appeal_takedown(call: Call, takedown: str) -> Reply:
    """For the owner, once."""
    request = pb.AppealRequest(id=takedown, text=call.body["text"])
    return Reply(to_json(ask(call.hub.clients.moderation.Appeal, request).takedown))


@resource.route(
    "POST",
    "/v1/moderation/takedowns/{takedown}/decision",
    "Decide about a take-down",
    Answer(200, reference(_TAKEDOWN)),
    body=_ANSWER,
    scope=Scope.WRITE,
)
def decide_takedown(call: Call, takedown: str) -> Reply:
    """For moderators: restores it, or upholds it against an appeal."""
    restore = call.body["decision"] == "restore"
    request = pb.DecideTakedownRequest(id=takedown, restore=restore, note=call.body.get("note", ""))
    return Reply(to_json(ask(call.hub.clients.moderation.DecideTakedown, request).takedown))
