"""Two pushes of one account at once: they share the uploads of files that both have, and both go on."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

from blake3 import blake3

from services.catalog.tests.conftest import hub
from services.gateway.store.uploads import Upload
from services.gateway.uploads import Uploads
from tests.contract.test_people_by_rest import Door, door
from voicehub import home, uploads
from voicehub.transport import Transport

__all__ = ["door", "hub"]
AT_ONCE, ROUNDS, SIZE = 3, 2, 3 << 20
SENDER = """
import sys
from pathlib import Path
from voicehub import home, uploads
from voicehub.transport import Transport
uploads.PIECE_BYTES = 256 << 10
login = home.resolve(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(uploads.upload_file(Transport(login.url, login.token), Path(sys.argv[2])).digest)
"""


def test_processes_that_send_the_same_file_all_have_it_there(door: Door, tmp_path: Path) -> None:
    door.client("sender")
    for number in range(ROUNDS):
        content = random.Random(number).randbytes(SIZE)
        path = tmp_path / f"shared-{number}.pth"
        path.write_bytes(content)
        _begun(door, path)
        assert _sent_at_once(door, path) == [blake3(content).hexdigest()] * AT_ONCE


def test_who_finds_a_file_being_put_away_waits_for_that(door: Door, tmp_path: Path) -> None:
    door.client("finisher")
    path = tmp_path / "shared.pth"
    path.write_bytes(random.Random(7).randbytes(3000))
    identifier = _begun(door, path)
    taken, login = door.uploads, home.resolve(door.url)
    whole = _all_there(taken, identifier, path)
    alone = taken._alone(identifier)  # what a request holds that is about to finish the upload
    alone.__enter__()
    pauses: list[float] = []

    def finished_meanwhile(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            taken._finish(whole)
            alone.__exit__(None, None, None)

    upload = uploads.upload_file(Transport(door.url, login.token, sleep=finished_meanwhile), path)
    assert (upload.id, upload.digest) == (identifier, blake3(path.read_bytes()).hexdigest())
    assert len(pauses) == 3


def test_of_two_pushes_of_the_same_files_onto_one_version_one_wins(door: Door, tmp_path: Path) -> None:
    one = door.push(door.client("racer"), "racer/tale")
    files = [tmp_path / "new.ckpt", tmp_path / "new.pth"]
    for number, path in enumerate(files):
        path.write_bytes(random.Random(number).randbytes(SIZE))
        _begun(door, path)
    options = ["--onto", one, "--no-wait", "--language", "en", "--source", "mine", "--license", "CC0-1.0"]
    options += ["--consent", "self", "--hub", door.url, "--json"]
    command = [sys.executable, "-m", "voicehub.cli.main", "push", "racer/tale", *map(str, files), *options]
    pushes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = sorted((push.communicate(timeout=120)[0], push.returncode) for push in pushes)
    assert sorted(code for _, code in said) == [0, 4], said
    (won,) = [json.loads(out) for out, code in said if code == 0]
    (lost,) = [json.loads(out) for out, code in said if code == 4]
    assert lost["fields"]["tip"] == won["id"]


def _begun(door: Door, path: Path) -> str:
    """The id of an upload of which the hub has nothing yet, noted as by a push that was stopped."""
    login = home.resolve(door.url)
    seen: list[int] = []

    def stop(done: int, _total: int) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    try:
        uploads.upload_file(Transport(login.url, login.token), path, stop)
    except KeyboardInterrupt:
        assert seen == [0]
    note = max((home.home() / "uploads").glob("*.json"), key=lambda found: found.stat().st_mtime_ns)
    return str(json.loads(note.read_text())["id"])


def _all_there(taken: Uploads, identifier: str, path: Path) -> Upload:
    """All bytes are durable, and the digest is not computed yet."""
    taken._path(identifier).write_bytes(path.read_bytes())
    return taken._rows.advance(taken._rows.get("finisher", identifier), path.stat().st_size)


def _sent_at_once(door: Door, path: Path) -> list[str]:
    senders = [_sender(door.url, path) for _ in range(AT_ONCE)]
    for sender in senders:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "ready\n"
    for sender in senders:
        assert sender.stdin is not None
        sender.stdin.write("\n")
        sender.stdin.flush()
    said = [sender.communicate(timeout=120) for sender in senders]
    assert not any(sender.returncode for sender in senders), said
    return [out.strip() for out, _ in said]


def _sender(url: str, path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SENDER, url, str(path)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
