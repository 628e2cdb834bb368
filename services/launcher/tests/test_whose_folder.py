"""`voicehub up`, `voicehub-admin` and the command line mean one folder, however that is said."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.common.admin.main import main as admin
from services.launcher.lock import FolderLock
from voicehub.cli.main import cli
from voicehub.home import resolve

URL = "http://127.0.0.1:4711"


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"HOME": "a"}, "a/.voicehub/hub"),
        ({"HOME": "a", "VOICEHUB_HOME": "b"}, "b/hub"),
        ({"HOME": "a", "VOICEHUB_HOME": "b", "VOICEHUB_DATA": "c"}, "c"),
    ],
)
def test_one_folder_for_all(
    variables: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("VOICEHUB_HOME", "VOICEHUB_DATA", "VOICEHUB_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    data = tmp_path / folder
    with FolderLock(data), socket.create_server(("127.0.0.1", 0)) as taken:  # no hub starts, wherever it is looked for
        (data / "hub.json").write_text(json.dumps({"url": URL}))
        started = CliRunner().invoke(cli, ["up", "--port", str(taken.getsockname()[1])])
        assert f"running already from {data}" in started.stderr
        assert f"storage: {data}\n" in CliRunner().invoke(admin, ["preflight"]).output
        assert resolve().url == URL
