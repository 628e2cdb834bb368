"""A list spoken on a real hub whose inference service is killed again and again, and a command that is interrupted."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from blake3 import blake3

from tests.e2e.house import ROOT, VOICEHUB, House, Person, open_house
from tests.e2e.nano import push_nano
from voicehub import Client, NotFound
from voicehub.batches import Plan

pytestmark = pytest.mark.e2e
KILLS_AT = (3, 12, 25)
"""Takes that are done when the service is killed."""
LINES = 40


@pytest.fixture(scope="module")
def own_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("batches")) as running:
        yield running


@pytest.fixture(scope="module")
def ann(own_house: House) -> Person:
    return own_house.person("ann")


@pytest.fixture(scope="module")
def voice(ann: Person, tmp_path_factory: pytest.TempPathFactory) -> str:
    """With its two samples, so that whatever is stored afterwards is of a batch."""
    name, waiting = push_nano(ann, tmp_path_factory.mktemp("nano"), "ann/reader"), threading.Event()
    deadline = time.monotonic() + 60
    with _client(ann) as client:
        while len(client.version(name).samples) < 2:
            assert time.monotonic() < deadline
            waiting.wait(0.1)
    return name


def test_every_line_once_however_often_the_service_dies(
    own_house: House, ann: Person, voice: str, tmp_path: Path
) -> None:
    lines = tmp_path / "lines.jsonl"
    told = [{"id": f"line-{n:02}", "text": f"This is sentence number {n} of the list."} for n in range(LINES)]
    lines.write_text("\n".join(map(json.dumps, [*told, {"id": "empty", "text": ""}])))
    before, kills = _served(own_house), list(KILLS_AT)
    with _client(ann) as client:
        made = client.batches.create(Plan([voice], seed=7), client.upload(lines))
        for batch, _ in client.batches.watch(made.id):
            if kills and batch.done >= kills[0]:
                kills.pop(0)
                own_house.kill("inference")
        final = client.batches.get(made.id)
        assert (final.state, final.done, final.failed, final.total) == ("finished", LINES, 1, LINES + 1)
        takes = list(client.batches.takes(made.id))
        client.batches.fetch(final, tmp_path / "out.zip")
    assert not kills
    assert own_house.services()["inference"]["restarts"] >= len(KILLS_AT)
    assert [take.line for take in takes] == [*(line["id"] for line in told), "empty"]
    digests = {take.audio.digest for take in takes if take.audio}
    assert len(digests) == LINES
    assert final.zip is not None
    assert _served(own_house) - before == digests | {final.zip.digest}  # nothing was left by takes that died
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        manifest = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        done = [entry for entry in manifest if entry["state"] == "done"]
        assert Counter(entry["line"] for entry in done) == Counter(line["id"] for line in told)
        assert all(blake3(archive.read(entry["file"])).hexdigest() == entry["digest"] for entry in done)
        assert all(entry["words"] for entry in done)
    assert _said(own_house, "BatchCompleted") == 1
    assert not _parked(own_house)


def test_the_command_is_interrupted_and_goes_on(own_house: House, ann: Person, voice: str, tmp_path: Path) -> None:
    film = tmp_path / "film.srt"
    film.write_text(
        "".join(f"{n}\n00:00:{n:02},000 --> 00:00:{n:02},500\nThis is subtitle {n}.\n\n" for n in range(1, 60))
    )
    estimate = ann.ok("batch", film, "--voice", voice, "--estimate")
    assert (estimate["lines"], estimate["takes"], estimate["list_format"]) == (59, 59, "srt")
    assert "last" in estimate["voices"][0]["source"]  # of the batch before
    out = tmp_path / "film.zip"
    # A shell lets what it starts in the background ignore SIGINT, and so would the command below pytest.
    command = ["env", "--default-signal=INT", *VOICEHUB, "batch", str(film), "--voice", voice, "-o", str(out), "--json"]
    environment = {**ann.environment, "VOICEHUB_HOME": str(ann.home), "VOICEHUB_URL": ann.url}
    with _client(ann) as client:
        known = {batch.id for batch in client.batches.all()}
        first = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        while not any((ann.home / "batches").glob("*.json")):  # it has begun, and written down which one
            assert first.poll() is None
        first.send_signal(signal.SIGINT)
        assert first.wait(30) == 130, first.stdout
        assert not out.exists()
        new = [batch for batch in client.batches.all() if batch.id not in known]
        answer = ann.ok("batch", film, "--voice", voice, "-o", out)
        assert answer["batch"]["id"] == new[0].id  # the same one
        assert [batch.id for batch in client.batches.all()][1:] == sorted(known, reverse=True)
    with zipfile.ZipFile(out) as archive:
        cues = archive.read("ann--reader.srt").decode().split("\n\n")
        entries = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    assert len([cue for cue in cues if cue.strip()]) == len(entries) == 59
    assert all(entry["overrun"] > 0 for entry in entries)
    assert 0.3 < estimate["audio_seconds"] / answer["batch"]["seconds"] < 3
    bo = own_house.person("bo")
    with _client(bo) as other:
        for identifier in (new[0].id, "0" * 32):
            with pytest.raises(NotFound, match="There is no such batch"):
                other.batches.get(identifier)
        assert list(other.batches.all()) == []
    refused = ann("batch", film, "--voice", "ann/absent", "-o", out)
    assert (refused.code, refused.json["fields"].keys()) == (1, {"voices.0"})


def _client(person: Person) -> Client:
    saved = json.loads((person.home / "hubs.json").read_text())
    return Client(person.url, str(saved["hubs"][person.url]["token"]), cache=person.home / "cache")


def _served(house: House) -> set[str]:
    return {path.name for path in (house.data / "objects" / "served").glob("??/*")}


def _said(house: House, kind: str) -> int:
    with sqlite3.connect(house.data / "db" / "events.sqlite") as log:
        return int(log.execute("SELECT count(*) FROM log WHERE type LIKE ?", (f"%.{kind}",)).fetchone()[0])


def _parked(house: House) -> int:
    with sqlite3.connect(house.data / "db" / "inference.sqlite") as tables:
        return int(tables.execute("SELECT count(*) FROM dead_letters").fetchone()[0])
