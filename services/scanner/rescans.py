"""When the rules change, every version is scanned again, one event each; a version that falls is withdrawn.

A version that was clean and is not any more gets a second StaticScanCompleted with the new verdict, which the catalog
answers with quarantine. Nothing is sent for a version that stays what it was: what is served of it is there already.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from sqlalchemy.orm import Session

from services.common.clock import now
from services.common.database import Database
from services.common.events import Event, make_event
from services.common.outbox import record
from services.common.subscriptions import Effect, Subscription
from services.scanner.domain.reports import RULES_VERSION
from services.scanner.static_scan import UNDECIDED, StaticScanner
from services.scanner.store import ReportStore, Upload
from services.stubs.voicehub.catalog.v1 import events_pb2
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2

log = logging.getLogger(__name__)
SOURCE = "scanner"


class Rescans:
    """Asks for rescans at the start of the service, and does them as the events come back."""

    def __init__(self, database: Database, store: ReportStore, static: StaticScanner) -> None:
        self._database, self._store, self._static = database, store, static

    def subscription(self) -> Subscription:
        """A group of its own, so that new uploads do not wait behind old ones."""
        name = str(scanner_pb2.RescanRequested.DESCRIPTOR.full_name)
        return Subscription("scanner-rescans", {("scans", name): self.requested})

    def request_all(self) -> None:
        """Records one event for every report of other rules than today's."""
        with self._database.write() as session:
            outdated = self._store.outdated(session, RULES_VERSION)
            for version_id in outdated:
                message = scanner_pb2.RescanRequested(version_id=version_id, rules_version=RULES_VERSION)
                record(session, make_event("scans", version_id, message, SOURCE))
        if outdated:
            log.info("the rules changed: rescans requested", extra={"versions": len(outdated)})

    def requested(self, event: Event) -> Effect | None:
        """Scans one version again; nothing is decided where the files or the walls are not there."""
        version_id = event.parse(scanner_pb2.RescanRequested).version_id
        with self._database.read() as session:
            before, uploads = self._store.find(session, version_id), self._store.uploads(session, version_id)
        if before is None or before.rules_version == RULES_VERSION:
            return None
        pushed = events_pb2.VersionPushed(version_id=version_id, files=[_uploaded(upload) for upload in uploads])
        completed = self._static.scan(pushed)
        if any(finding.rule in UNDECIDED for finding in completed.findings):
            log.warning("a version could not be scanned again", extra={"version": version_id})
            return None
        report = replace(
            before,
            verdict=completed.verdict,
            findings=completed.findings,
            stripped=completed.stripped,
            create_time=now(),
            rules_version=RULES_VERSION,
        )
        fell = before.verdict == "clean" and completed.verdict != "clean"
        message = completed.message(pushed)

        def effect(session: Session) -> None:
            self._store.save(session, report, uploads)
            if fell:
                record(session, make_event("scans", version_id, message, SOURCE))

        return effect


def _uploaded(upload: Upload) -> common_pb2.UploadedFile:
    reference = common_pb2.ObjectRef(digest=upload["digest"])
    return common_pb2.UploadedFile(role=upload["role"], filename=upload["filename"], object=reference)
