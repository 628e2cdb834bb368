"""People around voices: watching and notices, issues, reports and take-downs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from voicehub.decoding import decode
from voicehub.names import VoiceName, parse_name
from voicehub.transport import Transport


@dataclass(frozen=True)
class Notice:
    """Something that the user is told; `subject` is a version, or the number of an issue or pull request."""

    number: int
    kind: str = ""
    owner: str = ""
    name: str = ""
    subject: str = ""
    text: str = ""
    actor: str = ""
    create_time: datetime | None = None
    read: bool = False


@dataclass(frozen=True)
class Issue:
    """An issue of a repository, `open` or `closed`."""

    number: int
    title: str = ""
    body: str = ""
    author: str = ""
    state: str = "open"
    labels: tuple[str, ...] = ()
    comments: int = 0
    create_time: datetime | None = None
    close_time: datetime | None = None
    closed_by: str = ""


@dataclass(frozen=True)
class IssueComment:
    """What somebody said about an issue."""

    id: str
    author: str = ""
    text: str = ""
    create_time: datetime | None = None


@dataclass(frozen=True)
class Report:
    """A report, as moderators see it: open, dismissed or taken-down."""

    id: str
    owner: str = ""
    name: str = ""
    reporter: str = ""
    reason: str = ""
    state: str = "open"
    moderator: str = ""
    note: str = ""
    create_time: datetime | None = None


@dataclass(frozen=True)
class Takedown:
    """A repository that was hidden; `end_time` when it was restored, `evidence` for moderators."""

    id: str
    owner: str = ""
    name: str = ""
    reason: str = ""
    appeal: str = ""
    appeal_state: str = "none"
    answer: str = ""
    create_time: datetime | None = None
    end_time: datetime | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Community:
    """What the user does with others on one hub: `Client().community`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def watch(self, name: str | VoiceName, *, watching: bool = True) -> int:
        """Begins or ends watching; answers how many watch."""
        path = f"{parse_name(name).path}/watch"
        return int(self._transport.json("PUT" if watching else "DELETE", path)["watchers"])

    def notices(self, *, unread: bool = False) -> Iterator[Notice]:
        """What the user is told, newest first."""
        params = {"unread": "true"} if unread else {}
        return (decode(Notice, item) for item in self._transport.items("/v1/notifications", params))

    def mark_read(self, up_to: int = 0) -> None:
        """Everything up to a notice (0: all) was read."""
        self._transport.json("POST", "/v1/notifications/read", body={"up_to": up_to})

    def issues(self, name: str | VoiceName, state: str = "open", label: str = "") -> Iterator[Issue]:
        """Issues in a state (open, closed, all), newest first."""
        params = {"state": state} | ({"label": label} if label else {})
        return (decode(Issue, item) for item in self._transport.items(_issues(name), params))

    def issue(self, name: str | VoiceName, number: int) -> Issue:
        """One issue."""
        return decode(Issue, self._transport.json("GET", f"{_issues(name)}/{number}"))

    def open_issue(self, name: str | VoiceName, title: str, body: str = "") -> Issue:
        """A new issue."""
        return decode(Issue, self._transport.json("POST", _issues(name), body={"title": title, "body": body}))

    def change_issue(
        self, name: str | VoiceName, number: int, *, state: str = "", labels: Sequence[str] | None = None
    ) -> Issue:
        """Opens, closes or labels an issue."""
        body = ({"state": state} if state else {}) | ({"labels": list(labels)} if labels is not None else {})
        return decode(Issue, self._transport.json("PATCH", f"{_issues(name)}/{number}", body=body))

    def issue_comments(self, name: str | VoiceName, number: int) -> Iterator[IssueComment]:
        """What was said, oldest first."""
        found = self._transport.items(f"{_issues(name)}/{number}/comments")
        return (decode(IssueComment, item) for item in found)

    def comment_issue(self, name: str | VoiceName, number: int, text: str) -> IssueComment:
        """Says something about an issue."""
        path = f"{_issues(name)}/{number}/comments"
        return decode(IssueComment, self._transport.json("POST", path, body={"text": text}))

    def report(self, name: str | VoiceName, reason: str) -> str:
        """Tells the moderators, and nobody else; answers the id of the report."""
        path = f"{parse_name(name).path}/reports"
        return str(self._transport.json("POST", path, body={"reason": reason})["report_id"])

    def reports(self, state: str = "open") -> Iterator[Report]:
        """For moderators: the queue, oldest first."""
        found = self._transport.items("/v1/moderation/reports", {"state": state})
        return (decode(Report, item) for item in found)

    def decide_report(self, report: str, decision: str, note: str = "") -> Report:
        """For moderators: `dismiss` or `take-down`."""
        body = {"decision": decision, "note": note}
        return decode(Report, self._transport.json("POST", f"/v1/moderation/reports/{report}/decision", body=body))

    def takedowns(self) -> Iterator[Takedown]:
        """Of the user's repositories; for moderators all."""
        return (decode(Takedown, item) for item in self._transport.items("/v1/takedowns"))

    def appeal(self, takedown: str, text: str) -> Takedown:
        """The owner's word against a take-down, once."""
        return decode(Takedown, self._transport.json("POST", f"/v1/takedowns/{takedown}/appeal", body={"text": text}))

    def decide_takedown(self, takedown: str, decision: str, note: str = "") -> Takedown:
        """For moderators: `restore` or `uphold`."""
        body = {"decision": decision, "note": note}
        path = f"/v1/moderation/takedowns/{takedown}/decision"
        return decode(Takedown, self._transport.json("POST", path, body=body))


def _issues(name: str | VoiceName) -> str:
    return f"{parse_name(name).path}/issues"
