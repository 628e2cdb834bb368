"""Bases by name: the real client of model hubs against one on the loopback, and what it says when there is none."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from gptsovits.conftest import write_small_hubert
from services.inference.base_sources import NAME, located
from services.inference.registry import BaseRefused

COMMIT = "c0ffee" * 6 + "c0ff"
REPOSITORY = "someone/everything"
CHECKPOINTS = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"


class ModelHub(BaseHTTPRequestHandler):
    """One repository, as model hubs answer for it; `asked` lists the files that were wanted."""

    files: dict[str, Path]
    asked: list[str]

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, with_body: bool) -> None:
        place, file = self.path.partition("?")[0], ""
        if place == f"/api/models/{REPOSITORY}/revision/main":
            body = json.dumps({"id": REPOSITORY, "sha": COMMIT, "siblings": []}).encode()
        elif place == f"/api/models/{REPOSITORY}/tree/{COMMIT}":
            listed = [{"type": "file", "path": name, "size": path.stat().st_size, "oid": _oid(path)}
                      for name, path in self.files.items()]  # fmt: skip
            body = json.dumps(listed).encode()
        else:
            file = place.partition("/resolve/")[2].partition("/")[2]
            if file not in self.files:
                self.send_error(404)
                return
            body = self.files[file].read_bytes()
            self.asked.append(file)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        if file:
            self.send_header("ETag", f'"{_oid(self.files[file])}"')
            self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, *said: object) -> None:
        """Silent."""


def _oid(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:40]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """Its address, and what was asked for."""
    hubert = write_small_hubert(tmp_path / "hubert")
    (hubert / "modeling.py").write_text("raise SystemExit")
    files = {f"encoders/small/{path.name}": path for path in hubert.iterdir()}
    files |= {f"stages/{path.name}": path for path in (CHECKPOINTS / "tiny-e15.ckpt",)}
    asked: list[str] = []
    handler = type("Handler", (ModelHub,), {"files": files, "asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def _add(sources: list[str], data: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "services.common.admin.main",
        "base",
        "add",
        *sources,
        "--data",
        str(data),
        "--json",
    ]
    settings = {**os.environ, "HF_HOME": str(data / "hf"), "HF_HUB_DISABLE_PROGRESS_BARS": "1", **environment}
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=120, check=False)


def test_a_name_is_fetched_scanned_and_registered_once(hub: tuple[str, list[str]], tmp_path: Path) -> None:
    address, asked = hub
    names = [f"{REPOSITORY}/encoders/small", f"{REPOSITORY}/stages/tiny-e15.ckpt@main"]
    made = _add(names, tmp_path / "data", {"HF_ENDPOINT": address})
    assert made.returncode == 0, made.stderr
    added = json.loads(made.stdout)
    assert [(base["name"], base["kind"]) for base in added] == [("small", "content_encoder"), ("tiny-e15", "voice")]
    assert set(asked) == {"encoders/small/config.json", "encoders/small/model.safetensors", "stages/tiny-e15.ckpt"}
    again = _add(names, tmp_path / "data", {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "1"})
    assert json.loads(again.stdout) == added, again.stderr
    never = _add([f"{REPOSITORY}/stages/other.pth"], tmp_path / "data", {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "1"})
    assert never.returncode == 1
    assert "name its path" in never.stderr


def test_paths_come_first_and_nonsense_is_refused(tmp_path: Path) -> None:
    assert located(str(tmp_path)).path == tmp_path
    for given in ("nowhere", "/absent/folder", "a/b/../../etc", "https://example.org/a/b"):
        with pytest.raises(BaseRefused, match="neither a path"):
            located(given)
    named = NAME.fullmatch("lj/GPT/gsv-final/s1 longer-epoch=12-step=36.ckpt@v2")
    assert named is not None
    assert named["inside"] == "gsv-final/s1 longer-epoch=12-step=36.ckpt"
    assert (named["repository"], named["revision"]) == ("lj/GPT", "v2")
