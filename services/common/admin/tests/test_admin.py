"""The operator's command line."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.common.admin.main import main
from services.common.admin.place import not_started, settings_at
from services.common.database import Database
from services.common.events import Event, make_event, open_bus
from services.common.outbox import Relay
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


@pytest.mark.parametrize(
    "command",
    [
        "events dead-letters", "events dead-letters --history", "events replay", "events lag", "gc", "search rebuild",
        "moderators ls", "moderators add bo", "credits check", "credits compute bo 5 --audit a", "backup {out}",
    ],
)  # fmt: skip
def test_a_folder_without_a_hub_is_told_as_such_and_stays_as_it_is(tmp_path: Path, command: str) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    result = CliRunner().invoke(main, [*command.format(out=out).split(), "--data", str(data)])
    assert (result.exit_code, result.output.splitlines()) == (1, [f"Error: {not_started().message}"])
    assert not list(data.iterdir())
    assert not out.exists()


def test_a_base_may_be_added_before_the_first_start(tmp_path: Path) -> None:
    nano = Path(str(files("gptsovits"))) / "bases" / "nano"
    result = CliRunner().invoke(main, ["base", "add", str(nano), "--data", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == ["bases"]


def test_a_file_that_is_no_model_is_no_base(tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("no model")
    result = CliRunner().invoke(main, ["base", "add", str(note), "--data", str(tmp_path / "hub")])
    assert (result.exit_code, result.output.startswith("Error: ")) == (1, True)


def dead_letters(data: Path, *more: str) -> str:
    return CliRunner().invoke(main, ["events", "dead-letters", "--data", str(data), "--json", *more]).output


def test_a_parked_event_is_tried_again_by_the_subscription_that_failed_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.common.subscriptions.BACKOFF_SECONDS", 0.0001)
    settings = settings_at("scanner", tmp_path)
    database, bus = Database(settings.database_url), open_bus(settings.events_url)
    metadata.create_all(database.engine)
    event = make_event("versions", "v1", events_pb2.VersionPublished(version_id="v1"), "catalog")
    bus.publish([event])
    handled: list[str] = []
    broken = {"is": True}

    def fails(_event: Event) -> None:
        if broken["is"]:
            raise OSError("the disk is full")
        handled.append("failed")

    def works(_event: Event) -> None:
        handled.append("worked")

    handlers = {"failed": fails, "worked": works}
    members = {
        name: Subscriber(Subscription(name, {("versions", event.type): handler}), database, bus)
        for name, handler in handlers.items()
    }
    consumers = {name: bus.consumer(name, ["versions"]) for name in members}

    def deliver() -> None:
        for name, member in members.items():
            for delivery in consumers[name].poll(limit=10, timeout=0):
                member.process(delivery.event)
                consumers[name].commit(delivery)

    deliver()
    assert handled == ["worked"]
    broken["is"] = False
    result = CliRunner().invoke(main, ["events", "replay", "--data", str(tmp_path), "--event", event.id])
    assert (result.exit_code, result.output.split()[0]) == (0, "1")
    Relay(database, bus).relay_once()
    deliver()
    assert handled == ["worked", "failed"]
    assert json.loads(dead_letters(tmp_path)) == []
    (kept,) = json.loads(dead_letters(tmp_path, "--history"))
    assert (kept["subscription"], kept["event_id"]) == ("failed", event.id)
    assert kept["reason"] == "OSError('the disk is full')"
    assert CliRunner().invoke(main, ["events", "replay", "--data", str(tmp_path)]).output.startswith("0 ")
    assert CliRunner().invoke(main, ["events", "replay", "--data", str(tmp_path), "--event", event.id]).exit_code == 1


def test_the_lag_of_a_subscription_is_what_it_has_not_committed(tmp_path: Path) -> None:
    bus = open_bus(settings_at("catalog", tmp_path).events_url)
    message = events_pb2.VersionPublished(version_id="v1")
    bus.publish([make_event("versions", "v1", message, "catalog") for _ in range(3)])
    consumer = bus.consumer("scanner", ["versions"])
    consumer.commit(consumer.poll(limit=1, timeout=0)[0])
    result = CliRunner().invoke(main, ["events", "lag", "--data", str(tmp_path), "--json"])
    assert json.loads(result.output) == [{"group": "scanner", "topic": "versions", "lag": 2}]
