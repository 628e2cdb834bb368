"""A command that is killed while it writes, or whose disk is full, leaves the file that was there before."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file

from voicehub.cli.main import cli
from voicehub.tests.hub import Hub

OLD = b"what stood there before"
LIMITED = """
import resource, signal, sys
import numpy as np
import voicehub, voicehub.cli.main, voicehub.wav
how, limit, *sys.argv = sys.argv[1:]
signal.signal(signal.SIGXFSZ, signal.SIG_DFL if how == 'killed' else signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
"""
COMMAND = LIMITED + "voicehub.cli.main.main()\n"
SOUND = LIMITED + (
    "from pathlib import Path\n"
    "wave = (np.random.default_rng(1).standard_normal(99999) * 0.1).astype(np.float32)\n"
    "voicehub.wav.write(Path(sys.argv[0]), wave, 32000, 'ann/tale', raw=sys.argv[0].endswith('.npy'))\n"
)
HOWS = pytest.mark.parametrize("how", ["killed", "full"])


def _limited(code: str, how: str, limit: int, *arguments: object) -> None:
    """Runs it in a process that may write `limit` bytes to a file: its end, or a disk that is full."""
    command = [sys.executable, "-B", "-c", code, how, str(limit), *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == -signal.SIGXFSZ if how == "killed" else ended.returncode > 0, ended.stderr.decode()
    if how == "full":
        assert b"File too large" in ended.stderr, ended.stderr.decode()


def _left(folder: Path, how: str) -> list[str]:
    """The names there, but for what a kill leaves beside them."""
    return sorted(path.name for path in folder.iterdir() if how == "full" or path.suffix != ".partial")


@HOWS
@pytest.mark.parametrize("ending", ["wav", "flac", "mp3", "opus", "pcm", "npy"])
def test_what_is_said_here_replaces_the_old_sound_whole(ending: str, how: str, tmp_path: Path) -> None:
    out = tmp_path / f"tale.{ending}"
    out.write_bytes(OLD)
    _limited(SOUND, how, 4096, out)
    assert out.read_bytes() == OLD
    assert _left(tmp_path, how) == [out.name]


@HOWS
def test_what_the_hub_says_replaces_the_old_sound_whole(how: str, hub: Hub, tmp_path: Path) -> None:
    out = tmp_path / "tale.mp3"
    out.write_bytes(OLD)
    _limited(COMMAND, how, 2, "voicehub", "say", "ann/tale", "Hello.", "--on-hub", "-o", out, "--hub", hub.url)
    assert out.read_bytes() == OLD
    assert _left(tmp_path, how) == [out.name]


@HOWS
@pytest.mark.parametrize(("file", "limit"), [("s2.safetensors", 64), ("configs.json", 20000)])
def test_a_merge_replaces_each_file_whole(file: str, limit: int, how: str, tmp_path: Path) -> None:
    sides, out = [tmp_path / name for name in ("base", "ours", "theirs")], tmp_path / "out"
    for side in (*sides, out):
        side.mkdir()
        save_file({"dec.a": np.zeros(4, np.float32)}, side / "s2.safetensors")
        settings = {"s2": {"model": {"version": "v2", "more": "x" * 99999}}}
        (side / "configs.json").write_text(json.dumps(settings))
    (out / file).write_bytes(OLD)
    _limited(COMMAND, how, limit, "voicehub", "merge", *sides, "-o", out)
    assert (out / file).read_bytes() == OLD
    assert not (how == "full" and list(out.glob("*.partial")))


@HOWS
def test_a_pull_into_a_folder_replaces_each_file_whole(how: str, hub: Hub, tmp_path: Path) -> None:
    data = b"x" * 9999
    made = {"digest": hub.add(data), "size": len(data)}
    tensor = {"name": "s2/t", "dtype": "uint8", "shape": [len(data)], **made}
    hub.json["/v1/repos/ann/tale/versions/main"] = {
        "id": "b" * 32, "owner": "ann", "name": "tale", "state": "published", "tensors": [tensor],
        "bundle": [{"path": "bundle.json", "object": made}],
    }  # fmt: skip
    hub.json["/v1/bases"] = {"items": []}
    assert CliRunner().invoke(cli, ["pull", "ann/tale", "--hub", hub.url]).exit_code == 0
    out = tmp_path / "mine" / "onnx" / "bundle.json"
    out.parent.mkdir(parents=True)
    out.write_bytes(OLD)
    _limited(COMMAND, how, 4096, "voicehub", "pull", "ann/tale", "--into", tmp_path / "mine", "--hub", hub.url)
    assert out.read_bytes() == OLD
    assert _left(out.parent, how) == [out.name]


@HOWS
def test_a_picture_replaces_the_old_one_whole(how: str, hub: Hub, tmp_path: Path) -> None:
    hub.json["/v1/repos/ann/tale/lineage"] = {"nodes": [], "edges": []}
    hub.json["/v1/repos/ann/tale/lineage.svg"] = "x" * 9999
    out = tmp_path / "tale.svg"
    out.write_bytes(OLD)
    _limited(COMMAND, how, 4096, "voicehub", "lineage", "ann/tale", "--svg", out, "--hub", hub.url)
    assert out.read_bytes() == OLD
    assert _left(tmp_path, how) == [out.name]
