"""Refs, roles, forks and pull requests from the command line to a real catalog: SDK, HTTP, gateway, gRPC, tables."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from click.testing import CliRunner
from werkzeug.serving import make_server

from services.catalog.tests.conftest import CARD, Hub, free_port, hub
from services.common import settings
from services.common.runtime import open_house
from services.gateway.bootstrap import MIGRATIONS, make_hub
from services.gateway.rest.app import create_app
from services.gateway.tests.conftest import GENEROUS
from services.gateway.uploads import Uploads
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from voicehub import Client, home
from voicehub.cli.main import cli
from voicehub.errors import Conflict, NotFound, Refused
from voicehub.models import Declaration
from voicehub.pushing import Part

__all__ = ["hub"]
PASSWORD = "correct horse battery"
DECLARED = Declaration("self-recorded", "CC-BY-4.0", "self")


@dataclass
class Door:
    """The gateway over HTTP, and the catalog behind it."""

    url: str
    catalog: Hub
    folder: Path
    uploads: Uploads

    def client(self, name: str) -> Client:
        """Somebody with an account."""
        client = Client(self.url, "")
        client.signup(name, PASSWORD)
        home.save(home.Login(self.url, name, client.login(name, PASSWORD)))
        return client

    def push(self, client: Client, voice: str, **more: Any) -> str:
        """A published version's id."""
        paths = [self.folder / "a.ckpt", self.folder / "a.pth"]
        for path in paths:
            path.write_bytes(f"{voice} {more}".encode())
        parts = [(Part(role, path), client.upload(path)) for role, path in zip(("s1", "s2"), paths, strict=True)]
        made = client.create_version(voice, parts, CARD, DECLARED, message="better", **more)
        owner, _, name = voice.partition("/")
        self.catalog.walk(made.id)
        self.catalog.until(self.catalog.stub(owner), owner, name, made.id, pb.VERSION_STATE_PUBLISHED)
        return made.id

    def run(self, name: str, *arguments: str, code: int = 0) -> Any:
        """What a command of that person answers in JSON."""
        token = home.resolve(self.url).token
        saved = json.loads((home.home() / "hubs.json").read_text())
        assert saved["hubs"][self.url]["account"] == name, "the last to log in acts"
        done = CliRunner().invoke(cli, [*arguments, "--hub", self.url, "--json"])
        assert token
        assert done.exit_code == code, done.output
        return json.loads(done.stdout) if done.stdout.strip() else None

    def told(self, *arguments: str) -> str:
        """What a command of whoever logged in last tells people."""
        done = CliRunner().invoke(cli, [*arguments, "--hub", self.url])
        assert done.exit_code == 0, done.output
        return done.stdout


@pytest.fixture
def door(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setenv("VOICEHUB_HOME", str(tmp_path / "home"))
    others = {f"VOICEHUB_{name.upper()}_ADDRESS": f"127.0.0.1:{free_port()}" for name in settings.SERVICES}
    env = {**others, "VOICEHUB_CATALOG_ADDRESS": hub.address, "VOICEHUB_DATA": str(hub.data), **GENEROUS}
    house = open_house(settings.load("gateway", env), MIGRATIONS)
    parts = make_hub(house, env)
    server = make_server("127.0.0.1", 0, create_app(parts), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Door(f"http://127.0.0.1:{server.server_port}", hub, tmp_path, parts.uploads)
    server.shutdown()
    thread.join()
    parts.clients.close()
    house.database.engine.dispose()


def test_from_a_fork_to_a_merge_on_the_command_line(door: Door) -> None:
    ann = door.client("rest-ann")
    one = door.push(ann, "rest-ann/tale")
    bob = door.client("rest-bob")
    assert door.run("rest-bob", "fork", "rest-ann/tale")["upstream_owner"] == "rest-ann"
    two = door.push(bob, "rest-bob/tale", ref="calmer", onto=one)
    with pytest.raises(Conflict) as late:
        door.push(bob, "rest-bob/tale", ref="calmer", onto=one)
    assert (late.value.fields["tip"], "rest-bob" in late.value.message) == (two, True)
    assert [v["id"] for v in door.run("rest-bob", "log", "rest-bob/tale@calmer")] == [two, one]
    opened = door.run("rest-bob", "pr", "open", "rest-bob/tale@calmer", "-t", "Calmer endings")
    assert (opened["number"], opened["head_version"], opened["mergeable"]) == (1, two, True)
    assert bob.version("rest-ann/tale@pull-1").id == two
    thread = door.run("rest-bob", "pr", "comment", "rest-ann/tale", "1", "Hear the end.")["thread"]
    door.run("rest-bob", "pr", "comment", "rest-ann/tale", "1", "Again.", "--thread", thread)
    bob.pulls.resolve("rest-ann/tale", 1, thread)
    assert not door.run("rest-bob", "pr", "review", "rest-ann/tale", "1", "--approve", code=4).get("counts")
    assert door.run("rest-bob", "pr", "merge", "rest-ann/tale", "1", code=4)["error"]
    merged = ann.pulls.merge("rest-ann/tale", 1, two)
    assert (merged.state, ann.refs.get("rest-ann/tale", "main").version) == ("merged", two)
    shown = door.run("rest-bob", "pr", "show", "rest-ann/tale", "1")
    assert [(r["text"], r["resolved"]) for r in shown["remarks"]] == [("Hear the end.", True), ("Again.", False)]
    assert door.run("rest-bob", "sync", "rest-bob/tale")["moved"]
    assert [p["number"] for p in door.run("rest-bob", "pr", "list", "rest-ann/tale", "--state", "merged")] == [1]
    picture = door.folder / "family.svg"
    lineage = door.run("rest-bob", "lineage", "rest-ann/tale", "--svg", str(picture))
    assert {node["kind"] for node in lineage["nodes"]} == {"repository", "version"}
    assert ElementTree.parse(picture).getroot().tag.endswith("svg")


def test_a_pull_request_shows_its_text_its_threads_and_its_sounds(door: Door) -> None:
    ann = door.client("rest-ann3")
    one = door.push(ann, "rest-ann3/tale")
    door.push(ann, "rest-ann3/tale", ref="calmer", onto=one)
    asked = ("rest-ann3/tale@calmer", "--into", "rest-ann3/tale", "-t", "Calmer", "--body", "No more shouting.")
    door.run("rest-ann3", "pr", "open", *asked)
    digest = ann.version(f"rest-ann3/tale@{one}").files[0].object.digest
    comment = ("pr", "comment", "rest-ann3/tale", "1")
    thread = door.run("rest-ann3", *comment, "Hear the end.", "--sound", one, digest)["thread"]
    assert door.run("rest-ann3", *comment, "I do.", "--thread", thread[:20])["thread"] == thread
    assert door.run("rest-ann3", *comment, "And I.", "--thread", "f" * 8, code=2)["error"]
    shown = door.told("pr", "show", "rest-ann3/tale", "1")
    assert "No more shouting." in shown
    assert thread in shown
    (sound,) = [line.split()[-1] for line in shown.splitlines() if "♪" in line]
    heard = ann.object("rest-ann3/tale", one, digest)
    assert httpx.get(sound).content == heard


def test_an_issue_shows_its_labels(door: Door) -> None:
    ann = door.client("rest-ann4")
    door.push(ann, "rest-ann4/tale")
    door.run("rest-ann4", "issue", "open", "rest-ann4/tale", "Lisps")
    door.run("rest-ann4", "issue", "label", "rest-ann4/tale", "1", "sound", "urgent")
    assert "labels: sound, urgent" in door.told("issue", "show", "rest-ann4/tale", "1")


def test_a_push_that_is_refused_says_what_to_add_on_the_command_line(door: Door) -> None:
    door.client("rest-ann5")
    ckpt, pth = door.folder / "a.ckpt", door.folder / "a.pth"
    for path in (ckpt, pth):
        path.write_bytes(b"weights")
    declared = ("--source", "mine", "--license", "CC0-1.0", "--consent", "self")
    bare = door.run("rest-ann5", "push", "rest-ann5/tale", str(ckpt), str(pth), *declared, code=4)
    assert bare["fields"] == {"card.languages": "is missing"}
    assert "--card" in bare["hint"]
    assert "--language" in bare["hint"]
    half = door.run("rest-ann5", "push", "rest-ann5/tale", str(ckpt), "--language", "en", *declared, code=4)
    assert "at least one prompt" not in half["hint"]


def test_names_roles_and_owners_on_the_command_line(door: Door) -> None:
    cyd = door.client("rest-cyd")
    ann = door.client("rest-ann2")
    one = door.push(ann, "rest-ann2/voice")
    voice = "rest-ann2/voice"
    assert door.run("rest-ann2", "tag", voice, "v1")["version"] == one
    assert door.run("rest-ann2", "tag", voice, "v1", code=4)["fields"]["ref"] == "v1"
    door.run("rest-ann2", "branch", voice, "next", "--at", "v1")
    door.run("rest-ann2", "branch", voice, "next", "--delete")
    assert [r["name"] for r in door.run("rest-ann2", "refs", voice)] == ["main", "v1"]
    assert door.run("rest-ann2", "protect", voice, "--approvals", "1")["protection"]["approvals"] == 1
    assert not door.run("rest-ann2", "protect", voice, "--lift")["protected"]
    door.run("rest-ann2", "repo", "set", voice, "--private")
    with pytest.raises(NotFound):
        cyd.repository(voice)
    assert door.run("rest-ann2", "repo", "role", voice, "rest-cyd", "triage") == [
        {"account": "rest-cyd", "role": "triage"}
    ]
    assert cyd.repository(voice).role == "triage"
    door.run("rest-ann2", "repo", "set", voice, "--rename", "speech")
    assert cyd.repository(voice).name == "speech"
    assert door.run("rest-ann2", "repo", "set", voice, "--archive")["archived"]
    with pytest.raises(Refused):
        ann.comment(voice, "late")
    door.run("rest-ann2", "repo", "set", voice, "--open")
    door.run("rest-ann2", "org", "create", "rest-choir")
    assert door.run("rest-ann2", "org", "member", "rest-choir", "rest-cyd", "admin")[1]["role"] == "admin"
    assert [o["name"] for o in door.run("rest-ann2", "org", "ls")] == ["rest-choir"]
    door.run("rest-ann2", "repo", "transfer", voice, "rest-choir")
    (offer,) = cyd.access.offers()
    cyd.access.answer(offer.id, accept=True)
    assert cyd.repository("rest-choir/speech").role == "admin"
    assert ann.refs.compare("rest-choir/speech", "v1", "main").ahead == 0
    cyd.access.delete("rest-choir/speech")
    with pytest.raises(NotFound):
        ann.repository("rest-choir/speech")
