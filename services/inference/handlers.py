"""What inference does when something happened."""

from __future__ import annotations

from google.protobuf.message import Message
from sqlalchemy.orm import Session

from services.common.database import Database
from services.common.events import Event, make_event
from services.common.objects import ObjectStore
from services.common.outbox import record
from services.common.subscriptions import Effect, Subscription
from services.inference import messages, store
from services.inference.auditions import Auditions
from services.inference.batches.freeing import free
from services.inference.exporter import Exporter
from services.stubs.voicehub.catalog.v1 import events_pb2, moderation_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2

SOURCE = "inference"


class Handlers:
    """The subscriptions of inference."""

    def __init__(self, database: Database, objects: ObjectStore, exporter: Exporter, auditions: Auditions) -> None:
        self._database, self._objects = database, objects
        self._exporter, self._auditions = exporter, auditions

    def subscriptions(self) -> list[Subscription]:
        """Groups of their own: samples of one voice hold up neither the export of the next nor a take-down."""
        return [
            Subscription(
                "inference",
                {
                    ("scans", _name(scanner_pb2.StaticScanCompleted)): self.scanned,
                    ("exports", _name(inference_pb2.BaseRegistered)): self.base_registered,
                    ("exports", _name(inference_pb2.ExportRequested)): self.export_requested,
                    ("versions", _name(events_pb2.VersionQuarantined)): self.quarantined,
                    ("versions", _name(events_pb2.VersionErased)): self.erased,
                },
            ),
            Subscription("inference-auditions", {("versions", _name(events_pb2.VersionPublished)): self.published}),
            Subscription(
                "inference-withheld",
                {
                    ("versions", _name(moderation_pb2.VersionWithheld)): self.withheld,
                    # At once, whatever is exported now; the other group withdraws again what that export would save.
                    ("versions", _name(events_pb2.VersionQuarantined)): self.quarantined,
                },
            ),
        ]

    def scanned(self, event: Event) -> Effect | None:
        """Exports a clean version."""
        scan = event.parse(scanner_pb2.StaticScanCompleted)
        return self._export(scan) if scan.verdict == "clean" else None

    def base_registered(self, event: Event) -> Effect:
        """Asks for the export of every voice that waited and now has what it needs, each by an event of its own."""
        event.parse(inference_pb2.BaseRegistered)
        with self._database.read() as session:
            scans = [scanner_pb2.StaticScanCompleted.FromString(scan) for scan in store.scans_waiting(session)]
        ready = [scan.version_id for scan in scans if self._exporter.could_export(scan)]

        def effect(session: Session) -> None:
            for version_id in ready:
                asked = inference_pb2.ExportRequested(version_id=version_id)
                record(session, make_event("exports", version_id, asked, SOURCE))

        return effect

    def export_requested(self, event: Event) -> Effect | None:
        """Exports a version that waited for a base."""
        asked = event.parse(inference_pb2.ExportRequested)
        with self._database.read() as session:
            scan = store.scan_waiting(session, asked.version_id)
        return None if scan is None else self._export(scanner_pb2.StaticScanCompleted.FromString(scan))

    def quarantined(self, event: Event) -> Effect:
        """The voice speaks no more: speech under way is broken off, takes of batches that name it fail and say why."""
        version_id = event.parse(events_pb2.VersionQuarantined).version_id
        return lambda session: store.withdraw(session, version_id)

    def erased(self, event: Event) -> Effect:
        """As of a quarantined one; of its samples only what is also a take of a batch is kept."""
        fact = event.parse(events_pb2.VersionErased)
        for digest in fact.samples:
            free(self._database, self._objects, digest)
        return lambda session: store.withdraw(session, fact.version_id)

    def _export(self, scan: scanner_pb2.StaticScanCompleted) -> Effect:
        export = self._exporter.export(scan)

        def effect(session: Session) -> None:
            store.save(session, export.voice)
            if export.waits:
                store.wait(session, scan.version_id, scan.SerializeToString())
            else:
                store.forget(session, scan.version_id)
            record(session, make_event("exports", scan.version_id, messages.export_completed(export), SOURCE))

        return effect

    def published(self, event: Event) -> Effect | None:
        """Speaks the samples of a voice that can be listened to."""
        published = event.parse(events_pb2.VersionPublished)
        with self._database.read() as session:
            voice = store.find(session, published.version_id)
        if voice is None or not published.auditionable or voice.not_auditionable:
            return None
        made = inference_pb2.AuditionsCompleted(version_id=published.version_id, auditions=self._auditions.make(voice))
        return lambda session: record(session, make_event("synthesis", published.version_id, made, SOURCE))

    def withheld(self, event: Event) -> Effect:
        """A moderator took a version down, or restored it: also batches under way speak it no more."""
        fact = event.parse(moderation_pb2.VersionWithheld)
        return lambda session: store.withhold(session, fact.version_id, fact.withheld)


def _name(message: type[Message]) -> str:
    return str(message.DESCRIPTOR.full_name)
