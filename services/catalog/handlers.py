"""The road of a version: what the other services found out becomes facts, and facts become a state.

Every effect writes its facts whole and derives the state anew, so that repeated and reordered events change nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from services.catalog import collecting, events, likenesses
from services.catalog.collaboration import settling
from services.catalog.domain.card import problems
from services.catalog.domain.road import NOT_RUN, PASSED, Facts, State, may_become, state_of
from services.catalog.store import refs, repositories, versions
from services.catalog.store.tables import FileRow, FindingRow, SampleRow, TensorRow, VersionRow
from services.common.clock import now
from services.common.events import Event
from services.common.objects import Area
from services.common.structs import from_struct
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.inference.v1.inference_pb2 import AuditionsCompleted, BundleFile, ExportCompleted
from services.stubs.voicehub.scanner.v1.scanner_pb2 import BehaviourTestCompleted, RebuiltFile, StaticScanCompleted

log = logging.getLogger(__name__)
M = TypeVar("M", StaticScanCompleted, ExportCompleted, BehaviourTestCompleted, AuditionsCompleted)
S = TypeVar("S", TensorRow, FileRow)
STATIC, BEHAVIOUR = "static", "behaviour"


def subscription() -> Subscription:
    """What the catalog listens to."""
    return Subscription(
        "catalog",
        {
            ("scans", _name(StaticScanCompleted)): partial(_handle, StaticScanCompleted, scanned),
            ("exports", _name(ExportCompleted)): partial(_handle, ExportCompleted, exported),
            ("scans", _name(BehaviourTestCompleted)): partial(_handle, BehaviourTestCompleted, behaved),
            ("synthesis", _name(AuditionsCompleted)): partial(_handle, AuditionsCompleted, auditioned),
        },
    )


def scanned(session: Session, version: VersionRow, fact: StaticScanCompleted) -> None:
    """The static scan is done: verdict, findings and, of a clean version, what was rebuilt."""
    version.verdict, version.family = fact.verdict, fact.family
    version.configs = from_struct(fact.configs)
    version.requires = {**version.requires, **fact.requires}
    rebuilt_card = from_struct(fact.card)
    if rebuilt_card and not problems(rebuilt_card):
        version.card = rebuilt_card
    tensors = [
        TensorRow(
            version_id=version.id,
            position=index,
            name=t.name,
            dtype=t.dtype,
            shape=list(t.shape),
            digest=t.digest,
            size=t.size,
        )
        for index, t in enumerate(fact.tensors)
    ]
    _replace_served(session, TensorRow, TensorRow.version_id == version.id, tensors)
    _replace_files(session, version, versions.FILE, fact.files)
    _replace_findings(session, version, STATIC, fact.findings)


def exported(session: Session, version: VersionRow, fact: ExportCompleted) -> None:
    """The export is done, or was declined with a reason.

    A version that was declined may be exported later, when its base is registered: it stays silent until the behaviour
    test of that export has passed, whichever of both facts arrives first.
    """
    silent = version.not_auditionable if version.behaviour == NOT_RUN else ""
    version.exported = True
    version.family = version.family or fact.family
    version.requires = {**version.requires, **fact.requires}
    version.not_auditionable = fact.not_auditionable or silent
    _replace_files(session, version, versions.BUNDLE, fact.bundle)


def behaved(session: Session, version: VersionRow, fact: BehaviourTestCompleted) -> None:
    """The behaviour test is done; what it has passed can be heard, once its bundle is known."""
    version.behaviour = fact.outcome or "failed"
    heard = version.behaviour == PASSED and versions.has_bundle(session, version.id)
    version.not_auditionable = fact.not_auditionable or ("" if heard else version.not_auditionable)
    _replace_findings(session, version, BEHAVIOUR, fact.findings)


def auditioned(session: Session, version: VersionRow, fact: AuditionsCompleted) -> None:
    """Samples to listen to are there."""
    samples = [
        SampleRow(
            version_id=version.id,
            position=index,
            text=a.text,
            language=a.language,
            digest=a.object.digest,
            size=a.object.size,
            seconds=a.seconds,
        )
        for index, a in enumerate(fact.auditions)
    ]
    versions.replace(session, SampleRow, SampleRow.version_id == version.id, samples)
    repositories.mark_stale(session, version.repository_id)


def _forget_late(session: Session, version: VersionRow, fact: Message) -> None:
    """It was erased, or let go of, while it was scanned or exported, or its samples were spoken."""
    if isinstance(fact, AuditionsCompleted):
        made = [one.object.digest for one in fact.auditions]
        collecting.say_erased(session, version, versions.samples_alone(session, version.id, made))
    for digest in sorted(_listed(fact)):
        collecting.release(session, Area.SERVED, digest)


def _listed(fact: Message) -> set[str]:
    """The objects that were made for a version, but for its samples, which inference removes."""
    match fact:
        case StaticScanCompleted():
            return {one.digest for one in fact.tensors} | {one.object.digest for one in fact.files}
        case ExportCompleted():
            return {one.object.digest for one in fact.bundle}
        case _:
            return set()


def _name(message: type[Message]) -> str:
    return str(message.DESCRIPTOR.full_name)


def _handle(kind: type[M], apply: Callable[[Session, VersionRow, M], None], event: Event) -> Effect:
    return partial(_effect, fact=event.parse(kind), apply=apply)


def _effect(session: Session, fact: M, apply: Callable[[Session, VersionRow, M], None]) -> None:
    version = versions.get(session, fact.version_id)
    if version is None:
        log.warning("an event names a version that is not here", extra={"version": fact.version_id})
        return
    if version.free_time is not None:
        _forget_late(session, version, fact)
        return  # nobody holds it any more: what is found out about it now is of no use
    silent = version.not_auditionable
    apply(session, version, fact)
    if version.state == State.PUBLISHED and silent and not version.not_auditionable:
        _say_published(session, version)
    _advance(session, version)


def _advance(session: Session, version: VersionRow) -> None:
    """Moves the version to the state of its facts, if that lies ahead, and says so."""
    current = State(version.state)
    state = state_of(Facts(version.verdict, version.exported, version.behaviour))
    if not may_become(current, state):
        return
    version.state = state.value
    repository = repositories.by_id(session, version.repository_id)
    changed: list[str] = []
    if state is State.PUBLISHED:
        version.publish_time = now()
        changed = refs.forward(session, version)
        settling.published(session, version)
        events.published(session, repository, version)
        if repository.delete_time is None:
            likenesses.note(session, repository, version)
    elif state is State.QUARANTINED:
        fallen = refs.withdraw(session, version)
        changed = [one.repository_id for one in fallen]
        settling.refused(session, version, fallen)
        events.quarantined(session, repository, version)
    for repository_id in dict.fromkeys([repository.id, *changed]):
        repositories.mark_stale(session, repository_id)


def _say_published(session: Session, version: VersionRow) -> None:
    """Says again that the version is there: it can be heard now, and samples of it can be made."""
    repository = repositories.by_id(session, version.repository_id)
    events.published(session, repository, version)
    repositories.mark_stale(session, repository.id)


def _replace_files(session: Session, version: VersionRow, kind: str, files: Iterable[RebuiltFile | BundleFile]) -> None:
    rows = [
        FileRow(
            version_id=version.id,
            kind=kind,
            position=index,
            path=f.path,
            digest=f.object.digest,
            size=f.object.size,
        )
        for index, f in enumerate(files)
    ]
    _replace_served(session, FileRow, (FileRow.version_id == version.id) & (FileRow.kind == kind), rows)


def _replace_served(session: Session, kind: type[S], keys: ColumnElement[bool], rows: Sequence[S]) -> None:
    """Writes the parts anew; an object that is not among them any more goes, if no other version has it."""
    before = set(session.scalars(select(kind.digest).where(keys)))
    versions.replace(session, kind, keys, rows)
    for digest in sorted(before - {row.digest for row in rows}):
        collecting.release(session, Area.SERVED, digest)


def _replace_findings(
    session: Session, version: VersionRow, stage: str, findings: Iterable[common_pb2.Finding]
) -> None:
    rows = [
        FindingRow(
            version_id=version.id,
            stage=stage,
            position=index,
            rule=f.rule,
            place=f.place,
            severity=f.severity,
            message_en=f.message_en,
            message_zh=f.message_zh,
        )
        for index, f in enumerate(findings)
    ]
    versions.replace(session, FindingRow, (FindingRow.version_id == version.id) & (FindingRow.stage == stage), rows)
