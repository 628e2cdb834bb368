"""A voice whose encoder is missing waits, and is exported as soon as an operator registers it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from services.common.database import Database
from services.common.events import Event, make_event
from services.common.migrations import upgrade
from services.common.objects import open_store
from services.common.subscriptions import Effect
from services.common.tables import outbox
from services.inference import store
from services.inference.admission import Line
from services.inference.announcing import announce
from services.inference.auditions import Auditions
from services.inference.domain.fairness import Capacity
from services.inference.exporter import Exporter
from services.inference.handlers import Handlers
from services.inference.provenance import Provenance
from services.inference.registry import BaseRegistry
from services.inference.shelf import Shelf
from services.inference.synthesis import Synthesizer
from services.inference.tests.test_domain import base_folder, scan
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionQuarantined
from services.stubs.voicehub.inference.v1.inference_pb2 import BaseRegistered, ExportRequested

MIGRATIONS = Path(__file__).parents[1] / "migrations"


class Place:
    """Inference without its process: database, registry, handlers."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(f"sqlite:///{folder}/inference.sqlite")
        upgrade(self.database, MIGRATIONS)
        self.registry = BaseRegistry(folder / "bases")
        objects = open_store(f"file://{folder}/objects")
        shelf = Shelf(objects, self.registry, folder / "voices")
        exporter = Exporter(objects, f"file://{folder}/objects", self.registry, folder / "exports")
        synthesizer = Synthesizer(shelf, Line(Capacity()), Provenance(folder / "provenance"))
        self.handlers = Handlers(self.database, objects, exporter, Auditions(objects, synthesizer))

    def apply(self, effect: Effect | None) -> None:
        assert effect is not None
        with self.database.write() as session:
            effect(session)

    def waiting(self) -> int:
        with self.database.read() as session:
            return len(store.scans_waiting(session))

    def said(self) -> list[str]:
        with self.database.read() as session:
            return [row.type.rsplit(".", 1)[-1] for row in session.execute(select(outbox).order_by(outbox.c.sequence))]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def told(digest: str) -> Event:
    registered = BaseRegistered(digest=digest, kind="content_encoder", family="v2")
    return make_event("exports", digest, registered, "inference")


def test_the_missing_encoder_is_waited_for_and_another_one_wakes_nobody(place: Place, tmp_path: Path) -> None:
    place.apply(place.handlers.scanned(make_event("scans", "v", scan(), "scanner")))
    assert (place.waiting(), place.said()) == (1, ["ExportCompleted"])
    wide = place.registry.register(base_folder(tmp_path / "wide", "wide", b"w", feature_dim=768))
    place.apply(place.handlers.base_registered(told(wide.digest)))
    assert place.said() == ["ExportCompleted"]
    fitting = place.registry.register(base_folder(tmp_path / "fits", "fits", b"f"))
    place.apply(place.handlers.base_registered(told(fitting.digest)))
    assert place.said() == ["ExportCompleted", "ExportRequested"]


def test_a_voice_that_cannot_speak_for_another_reason_does_not_wait(place: Place) -> None:
    place.apply(place.handlers.scanned(make_event("scans", "v", scan(family="v3"), "scanner")))
    assert place.waiting() == 0
    asked = make_event("exports", "v", ExportRequested(version_id="v"), "inference")
    assert place.handlers.export_requested(asked) is None


def test_the_operator_s_command_tells_the_hub_through_its_outbox(place: Place, tmp_path: Path) -> None:
    base = place.registry.register(base_folder(tmp_path / "fits", "fits", b"f"))
    announce(place.database, [base])
    assert place.said() == ["BaseRegistered"]


def test_a_voice_that_is_quarantined_is_forgotten(place: Place) -> None:
    place.apply(place.handlers.scanned(make_event("scans", "v", scan(), "scanner")))
    assert place.waiting() == 1
    fallen = VersionQuarantined(version_id="v", owner="ann", name="story")
    place.apply(place.handlers.quarantined(make_event("versions", "v", fallen, "catalog")))
    assert place.waiting() == 0
    with place.database.read() as session:
        assert store.find(session, "v") is None
