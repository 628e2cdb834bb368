"""Reports in a queue, and take-downs: hidden from everybody at once, kept as they were, told to the owner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, select
from sqlalchemy.orm import Session

from services.catalog.collaboration import pulls
from services.catalog.community import notices
from services.catalog.community.notices import Happened
from services.catalog.community.tables import DecisionRow, ModerationLogRow, ModeratorRow, TakedownRow
from services.catalog.domain.texts import checked_text
from services.catalog.domain.visibility import require_account
from services.catalog.paging import Page
from services.catalog.store import history, people, repositories
from services.catalog.store.tables import ReportRow, RepositoryRow, VersionRow
from services.common import outbox
from services.common.clock import now
from services.common.errors import Conflict, Forbidden, Invalid, NotFound
from services.common.events import make_event
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1.moderation_pb2 import VersionWithheld

OPEN, DISMISSED, TAKEN_DOWN = "open", "dismissed", "taken-down"
NO_APPEAL, UPHELD, RESTORED = "none", "upheld", "restored"
MAX_TEXT = 4000


def require_moderator(session: Session, identity: Identity) -> str:
    """The account, if the operator has made it a moderator; Forbidden otherwise."""
    account = require_account(identity)
    if not is_moderator(session, account):
        raise Forbidden("This is for moderators.", hint="The operator makes them: voicehub-admin moderators add.")
    return account


def is_moderator(session: Session, account: str) -> bool:
    """Whether the operator has made the account a moderator."""
    return session.get(ModeratorRow, account) is not None


def log(session: Session, actor: str, action: str, subject: str, note: str = "") -> None:
    """An entry of the log, to which rows are only added."""
    session.add(ModerationLogRow(actor=actor, action=action, subject=subject, note=note, create_time=now()))


def reports(
    session: Session, state: str, after: str, size: int
) -> Sequence[tuple[ReportRow, DecisionRow | None, RepositoryRow]]:
    """Up to `size + 1` reports in a state, oldest first; Invalid for an unknown one."""
    if state not in (OPEN, DISMISSED, TAKEN_DOWN):
        raise Invalid("The state is unknown.", hint="Use open, dismissed or taken-down.", fields={"state": "unknown"})
    query = (
        select(ReportRow, DecisionRow, RepositoryRow)
        .join(DecisionRow, DecisionRow.report_id == ReportRow.id, isouter=True)
        .join(RepositoryRow, RepositoryRow.id == ReportRow.repository_id)
        .where(ReportRow.id > after, _in_state(state))
        .order_by(ReportRow.id)
        .limit(size + 1)
    )
    return [(report, decision, repository) for report, decision, repository in session.execute(query)]


def decide(session: Session, moderator: str, report_id: str, take_down: bool, note: str) -> ReportRow:
    """Dismisses a report, or takes its repository down; Conflict if it was decided before."""
    report = session.get(ReportRow, report_id)
    if report is None:
        raise NotFound("There is no such report.", hint="List the open reports.")
    if session.get(DecisionRow, report_id) is not None:
        raise Conflict("The report was decided already.", hint="Look at it again.", reason="REPORT_DECIDED")
    repository = repositories.by_id(session, report.repository_id)
    _check_disinterested(session, repository, moderator)
    said = checked_text(note, "note", MAX_TEXT) if take_down else note.strip()[:MAX_TEXT]
    state = TAKEN_DOWN if take_down else DISMISSED
    session.add(DecisionRow(report_id=report_id, state=state, moderator=moderator, note=said, create_time=now()))
    log(session, moderator, f"report.{state}", report_id, said)
    if take_down and not repository.taken_down:
        _take_down(session, moderator, repository, said)
    session.flush()
    return report


def appeal(session: Session, account: str, takedown_id: str, text: str) -> TakedownRow:
    """What the owner says against a take-down, once; NotFound for anybody else."""
    row = _takedown(session, takedown_id)
    if account not in people.leaders(session, repositories.by_id(session, row.repository_id).owner):
        raise _missing()
    if row.end_time is not None or row.appeal_state != NO_APPEAL:
        raise Conflict("There is nothing more to be said to this take-down.", reason="APPEAL_CLOSED", hint="")
    row.appeal, row.appeal_state = checked_text(text, "text", MAX_TEXT), OPEN
    log(session, account, "appeal", takedown_id)
    return row


def decide_takedown(session: Session, moderator: str, takedown_id: str, restore: bool, note: str) -> TakedownRow:
    """Restores what was taken down, or upholds it against an appeal; the owner is told."""
    row = _takedown(session, takedown_id)
    if row.end_time is not None or not (restore or row.appeal_state == OPEN):
        raise Conflict("There is nothing to decide.", hint="Look at the take-down again.", reason="NOTHING_TO_DECIDE")
    repository = repositories.by_id(session, row.repository_id)
    _check_disinterested(session, repository, moderator)
    row.answer = note.strip()[:MAX_TEXT]
    row.appeal_state = RESTORED if restore else UPHELD
    log(session, moderator, f"takedown.{row.appeal_state}", takedown_id, row.answer)
    if restore:
        row.end_time = now()
        _hide(session, repository, False)
    kind = "restored" if restore else "appeal-answered"
    happened = Happened(kind, f"{kind}:{row.id}", row.id, row.answer)
    notices.tell_only(session, repository, happened, people.leaders(session, repository.owner))
    return row


def takedowns(
    session: Session, account: str, page: Page, *, every: bool
) -> Sequence[tuple[TakedownRow, RepositoryRow]]:
    """Up to `page.size + 1` take-downs, newest first: of the account, or all of them."""
    query = select(TakedownRow, RepositoryRow).join(RepositoryRow, RepositoryRow.id == TakedownRow.repository_id)
    query = query.where(TakedownRow.sequence < page.before)
    if not every:
        query = query.where(people.led_by(RepositoryRow.owner, account))
    rows = session.execute(query.order_by(TakedownRow.sequence.desc()).limit(page.size + 1))
    return [(row, repository) for row, repository in rows]


def forget_version(session: Session, version: VersionRow) -> None:
    """Of a version that is erased the evidence of take-downs keeps what its tombstone does."""
    query = select(TakedownRow).where(TakedownRow.repository_id == version.repository_id)
    for row in session.scalars(query).all():
        kept = [_tombstone(one) if one["id"] == version.id else one for one in row.evidence["versions"]]
        row.evidence = {**row.evidence, "versions": kept}


def forget_account(session: Session, account: str, pseudonym: str) -> None:
    """The evidence of take-downs names a pseudonym as owner and author instead of an account that is erased."""
    named = cast(TakedownRow.evidence, Text).contains(f'"{account}"', autoescape=True)
    for row in session.scalars(select(TakedownRow).where(named)).all():
        signed = [_signed(one, "author", account, pseudonym) for one in row.evidence["versions"]]
        row.evidence = _signed({**row.evidence, "versions": signed}, "owner", account, pseudonym)


def _tombstone(version: dict[str, Any]) -> dict[str, Any]:
    kept = {name: version[name] for name in ("id", "author", "create_time", "state")}
    return {**kept, "declaration": {**version["declaration"], "source": "erased"}}


def _signed(said: dict[str, Any], name: str, account: str, pseudonym: str) -> dict[str, Any]:
    return {**said, name: pseudonym} if said[name] == account else said


def _check_disinterested(session: Session, repository: RepositoryRow, moderator: str) -> None:
    if moderator in people.leaders(session, repository.owner):
        raise Forbidden(
            "This is about a voice of your own.", hint="Another moderator decides about it.", reason="OWN_VOICE"
        )


def _in_state(state: str) -> ColumnElement[bool]:
    return DecisionRow.state.is_(None) if state == OPEN else DecisionRow.state == state


def _take_down(session: Session, moderator: str, repository: RepositoryRow, reason: str) -> None:
    row = TakedownRow(
        id=new_id(), repository_id=repository.id, reason=reason, evidence=_evidence(session, repository),
        create_time=now(), end_time=None, appeal="", appeal_state=NO_APPEAL, answer="",
    )  # fmt: skip
    session.add(row)
    pulls.close_from(session, repository)
    _hide(session, repository, True)
    happened = Happened("take-down", f"take-down:{row.id}", row.id, reason)
    notices.tell_only(session, repository, happened, people.leaders(session, repository.owner))
    log(session, moderator, "takedown", f"{repository.owner}/{repository.name}", reason)


def _hide(session: Session, repository: RepositoryRow, hidden: bool) -> None:
    """Everybody's reads look at the row; the index and whoever speaks the voice are told.

    What another repository that stays holds too is still spoken there: of this one nobody can ask for it.
    """
    repository.taken_down = hidden
    repositories.mark_stale(session, repository.id)
    session.flush()
    for version in history.held_alone(session, repository.id) if hidden else history.held(session, repository.id):
        withheld = VersionWithheld(version_id=version, withheld=hidden)
        outbox.record(session, make_event("versions", version, withheld, "catalog"))


def _evidence(session: Session, repository: RepositoryRow) -> dict[str, Any]:
    """What the repository was; its versions and objects stay where they are."""
    rows = session.scalars(select(VersionRow).where(VersionRow.repository_id == repository.id))
    versions = [
        {
            "id": row.id,
            "author": row.author,
            "create_time": row.create_time.isoformat(),
            "state": row.state,
            "message": row.message,
            "declaration": row.declaration,
            "card": row.card,
            "uploads": row.uploads,
        }
        for row in rows.all()
    ]
    return {
        "owner": repository.owner,
        "name": repository.name,
        "visibility": repository.visibility,
        "versions": versions,
    }


def _takedown(session: Session, takedown_id: str) -> TakedownRow:
    row = session.scalars(select(TakedownRow).where(TakedownRow.id == takedown_id)).one_or_none()
    if row is None:
        raise _missing()
    return row


def _missing() -> NotFound:
    return NotFound("There is no such take-down.", hint="List your take-downs to see their ids.")
