"""The operator's command line."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from services.common.admin.main import main
from services.common.admin.place import settings_at
from services.common.database import Database
from services.common.events import make_event
from services.common.subscriptions import Subscriber, Subscription
from services.common.tables import metadata
from services.stubs.voicehub.catalog.v1 import events_pb2


def test_help_names_the_groups_of_the_services() -> None:
    result = CliRunner().invoke(main, ["--help"])
    assert result.exit_code == 0
    assert "base" in result.output
    assert "events" in result.output


def test_a_parked_event_is_listed_with_its_reason(tmp_path: Path) -> None:
    database = Database(settings_at("scanner", tmp_path).database_url)
    metadata.create_all(database.engine)
    event = make_event("versions", "v1", events_pb2.VersionPublished(version_id="v1"), "catalog")
    subscriber = Subscriber(Subscription("s", {}), database, bus=None)  # type: ignore[arg-type]
    with database.write() as session:
        subscriber._park(session, event, "it was broken")
    result = CliRunner().invoke(main, ["events", "dead-letters", "--data", str(tmp_path), "--json"])
    assert result.exit_code == 0, result.output
    listed = json.loads(result.output)
    assert [(entry["service"], entry["key"], entry["reason"]) for entry in listed] == [
        ("scanner", "v1", "it was broken")
    ]
