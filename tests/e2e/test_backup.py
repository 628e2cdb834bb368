"""A hub with a voice is backed up while it works, restored into an empty one, and its voice comes out bit for bit."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from gptsovits.formats.checkpoint import read_voice_file
from services.common.objects import Area, open_store
from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import DECLARED, ROOT, House, open_house

ADMIN = (sys.executable, "-m", "services.common.admin.main")
PATIENCE = 60.0


def admin(*arguments: str | Path) -> str:
    command = [*ADMIN, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("VOICEHUB_")}


def kill_half_way(backup: Path, data: Path) -> None:
    """Begins a backup and kills it when it copies objects."""
    process = subprocess.Popen([*ADMIN, "backup", str(backup), "--data", str(data)], cwd=ROOT, env=environment())
    deadline = time.monotonic() + PATIENCE
    while not list((backup / "objects").glob("*/??/*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not list((backup / "cuts").glob("*/complete.json"))


def pull(house: House, voice: str) -> dict[str, object]:
    """A voice pulled by a visitor with an empty home: each tensor's bytes, the configurations, the other files' bytes.

    (The archives themselves are written anew by each pull, their configuration in the order of a map of the wire.)
    """
    person = house.visitor()
    shutil.rmtree(person.home, ignore_errors=True)
    folder = Path(person.ok("pull", voice, "--format", "original")["folder"])
    version = json.loads((folder / "version.json").read_text())
    version.pop("samples")  # spoken after a voice is published: by then the backup may be made
    found: dict[str, object] = {"version": version}
    for path in (one for one in folder.rglob("*") if one.is_file() and one.name != "version.json"):
        name = str(path.relative_to(folder))
        if path.suffix in (".ckpt", ".pth"):
            read = read_voice_file(path)
            found |= {f"{name}/{key}": (str(v.dtype), v.shape, v.tobytes()) for key, v in read.tensors.items()}
        else:
            found[name] = path.read_bytes()
    return found


def test_a_voice_survives_the_loss_of_its_hub(tmp_path: Path, recorded: dict[str, Recorded], card: Path) -> None:
    given = recorded["v2"]
    with open_house(tmp_path / "first") as house:
        anna = house.person("anna")
        arguments = (S1, CHECKPOINTS / "tiny_v2_e8_s128.pth", "--card", card, "--prompt", given.prompt)
        pushed = anna.ok("push", "anna/voice", *arguments, *DECLARED)
        assert pushed["state"] == "published"
        data = house.data
        # Something that takes its time, so that half way is no moment.
        open_store(f"file://{data / 'objects'}").put(Area.SERVED, [bytes(1 << 20)] * 128)
        kill_half_way(tmp_path / "backup", data)
        assert "going on with" in admin("backup", tmp_path / "backup", "--data", data)
        assert anna.ok("search", "voice")["items"], "the hub works on"
        before = pull(house, "anna/voice")
        token = house.token(anna)
    shutil.rmtree(data)

    second = tmp_path / "second" / "hub"
    admin("restore", tmp_path / "backup", "--data", second)
    with open_house(tmp_path / "second") as house:
        assert house.data == second
        assert "all services serve" in admin("ask", house.url)
        assert pull(house, "anna/voice") == before
        assert len(before) > 500
        bert = house.person("bert")  # new people come in
        assert [hit["repository"]["name"] for hit in bert.ok("search", "voice")["items"]] == ["voice"]
        old = subprocess.run(
            ["curl", "-sf", "--noproxy", "*", "-H", f"Authorization: Bearer {token}", f"{house.url}/v1/me"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert '"name": "anna"' in old.stdout, "tokens that were given out still open"
        bert.ok("say", "anna/voice", "你好", "--on-hub", "-o", tmp_path / "spoken.wav")
        assert (tmp_path / "spoken.wav").stat().st_size > 1000
