"""What a moderator took down is heard no more, and heard again when it is restored."""

from __future__ import annotations

from pathlib import Path

from services.common.events import make_event
from services.inference import store
from services.inference.domain.voices import Voice
from services.inference.tests.test_waiting import Place
from services.stubs.voicehub.catalog.v1.moderation_pb2 import VersionWithheld


def test_a_version_is_found_only_while_it_is_not_withheld(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.database.write() as session:
        for name in ("taken", "other"):
            store.save(session, Voice(name, "nano", (), (), {}, {}, ""))
    found = []
    for withheld in (True, True, False):
        event = make_event("versions", "taken", VersionWithheld(version_id="taken", withheld=withheld), "catalog")
        place.apply(place.handlers.withheld(event))
        with place.database.read() as session:
            found.append([store.find(session, name) is not None for name in ("taken", "other")])
    assert found == [[False, True], [False, True], [True, True]]
