"""A pull is killed twenty times, as a real process against a real server that counts what it sends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from blake3 import blake3

from voicehub.downloads import CHUNK_BYTES
from voicehub.tests.hub import Hub

KILLS = 20
PATIENCE = 120.0
LARGE, SMALL = 36 << 20, 50_000
VERSION = "a" * 32


def _voice(hub: Hub) -> Mapping[str, bytes]:
    """Two large tensors and many small ones, as the public API describes them."""
    draw = random.Random(7)
    contents = [draw.randbytes(LARGE // 2) for _ in range(2)] + [draw.randbytes(SMALL) for _ in range(60)]
    tensors = [
        {"name": f"s2/t{number}", "dtype": "uint8", "shape": [len(data)], "digest": hub.add(data), "size": len(data)}
        for number, data in enumerate(contents)
    ]
    hub.json["/v1/repos/ann/voice/versions/main"] = {
        "id": VERSION, "owner": "ann", "name": "voice", "state": "published", "tensors": tensors, "family": "v2",
    }  # fmt: skip
    hub.json["/v1/bases"] = {"items": [], "next_cursor": ""}
    return {blake3(data).hexdigest(): data for data in contents}


def _pull(hub: Hub, home: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "VOICEHUB_HOME": str(home), "VOICEHUB_URL": hub.url}
    command = [sys.executable, "-m", "voicehub.cli.main", "pull", "ann/voice", "--format", "safetensors", "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _held(home: Path) -> int:
    """Bytes on the disk of the user."""
    return sum(path.stat().st_size for path in (home / "cache" / "blobs").glob("*"))


def test_twenty_kills_cost_at_most_a_chunk_each(hub: Hub, tmp_path: Path) -> None:
    contents = _voice(hub)
    total = sum(map(len, contents.values()))
    hub.seconds_per_block = 0.002
    chance = random.Random(11)
    wasted: list[int] = []
    for _ in range(KILLS):
        before, held = hub.sent_bytes, _held(tmp_path)
        process = _pull(hub, tmp_path)
        hub.wait_until_sent(before + chance.randrange(1, total // KILLS), PATIENCE)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        wasted.append(hub.sent_bytes - before - (_held(tmp_path) - held))
    assert _held(tmp_path) < total  # the last kill hit a pull under way, too
    hub.seconds_per_block = 0.0
    last = _pull(hub, tmp_path)
    answer: tuple[Any, Any] = last.communicate(timeout=PATIENCE)
    assert last.returncode == 0, answer
    for digest, data in contents.items():
        assert (tmp_path / "cache" / "blobs" / digest).read_bytes() == data
    assert not list(tmp_path.rglob("*.part"))
    assert max(wasted) <= CHUNK_BYTES
    assert hub.sent_bytes <= total + KILLS * CHUNK_BYTES


def test_two_pulls_at_once_share_the_work(hub: Hub, tmp_path: Path) -> None:
    contents = _voice(hub)
    both = [_pull(hub, tmp_path) for _ in range(2)]
    assert [process.wait(PATIENCE) for process in both] == [0, 0]
    total = sum(map(len, contents.values()))
    assert hub.sent_since(0, total) == total
    for process in both:
        process.communicate()
