"""What the scanner does when something happened: slow work first, then one transaction with state and event."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.common.clock import now
from services.common.database import Database
from services.common.events import Event, make_event
from services.common.outbox import record
from services.common.subscriptions import Effect, Subscription
from services.scanner import messages
from services.scanner.behaviour import BehaviourTest
from services.scanner.domain.reports import Report
from services.scanner.opinions import SecondOpinions
from services.scanner.static_scan import StaticScanner
from services.scanner.store import ReportStore, Upload
from services.stubs.voicehub.catalog.v1 import events_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2

SOURCE = "scanner"


class Handlers:
    """The scanner's subscriptions."""

    def __init__(
        self,
        database: Database,
        store: ReportStore,
        static: StaticScanner,
        behaviour: BehaviourTest,
        opinions: SecondOpinions,
    ) -> None:
        self._database, self._store = database, store
        self._static, self._behaviour, self._opinions = static, behaviour, opinions

    def subscriptions(self) -> list[Subscription]:
        """Three groups, so that neither tests nor opinions hold up the static scans."""
        return [
            Subscription("scanner", {("versions", _name(events_pb2.VersionPushed)): self.version_pushed}),
            Subscription("scanner-behaviour", {("exports", _name(inference_pb2.ExportCompleted)): self.exported}),
            Subscription("scanner-opinions", {("scans", _name(scanner_pb2.StaticScanCompleted)): self.scanned}),
        ]

    def version_pushed(self, event: Event) -> Effect:
        """Static scan and rebuild; the verdict goes out with what was rebuilt."""
        pushed = event.parse(events_pb2.VersionPushed)
        completed = self._static.scan(pushed)
        uploads: list[Upload] = [
            {"role": f.role, "filename": f.filename, "digest": f.object.digest} for f in pushed.files
        ]
        report = Report(
            version_id=pushed.version_id,
            verdict=completed.verdict,
            findings=completed.findings,
            stripped=completed.stripped,
            create_time=now(),
        )
        message = completed.message(pushed)

        def effect(session: Session) -> None:
            self._store.save(session, report, uploads)
            record(session, make_event("scans", pushed.version_id, message, SOURCE))

        return effect

    def exported(self, event: Event) -> Effect:
        """Behaviour test of an export behind both walls, or the reason why there is none."""
        export = event.parse(inference_pb2.ExportCompleted)
        tested = self._behaviour.test(export)
        message = scanner_pb2.BehaviourTestCompleted(
            version_id=export.version_id,
            outcome=tested.outcome,
            findings=messages.findings(tested.findings),
            observed=messages.struct(tested.observed),
            not_auditionable=tested.not_auditionable,
        )

        def effect(session: Session) -> None:
            self._store.amend(session, export.version_id, behaviour=tested.as_json())
            record(session, make_event("scans", export.version_id, message, SOURCE))

        return effect

    def scanned(self, event: Event) -> Effect:
        """What other scanners say of the same files; shown beside the verdict, never part of it."""
        version_id = event.parse(scanner_pb2.StaticScanCompleted).version_id
        with self._database.read() as session:
            uploads = self._store.uploads(session, version_id)
        opinions = self._opinions.ask(uploads)

        def effect(session: Session) -> None:
            self._store.amend(session, version_id, second_opinions=opinions)

        return effect


def _name(message: type) -> str:
    return str(message.DESCRIPTOR.full_name)  # type: ignore[attr-defined]
