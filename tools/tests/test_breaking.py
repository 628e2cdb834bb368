"""The check of the contracts against what was released finds what would break a peer."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tools.lint import CHECKS

PROTOS = Path("protos")
FIELD = re.compile(r"(message VersionPushed \{\s*)(?://[^\n]*\s*)*[^;]*;")


def breaking(protos: Path) -> subprocess.CompletedProcess[str]:
    command = [str(protos) if word == "protos" else word for word in CHECKS["buf breaking"]]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_removed_field_is_found_and_an_added_one_is_none(tmp_path: Path) -> None:
    copy = tmp_path / "protos"
    shutil.copytree(PROTOS, copy)
    assert breaking(copy).returncode == 0
    path = copy / "voicehub" / "catalog" / "v1" / "events.proto"
    text = path.read_text()

    path.write_text(text.replace("message VersionPushed {", "message VersionPushed {\n  string added = 999;"))
    assert breaking(copy).returncode == 0

    without, count = FIELD.subn(r"\1", text)
    assert count == 1
    path.write_text(without)
    found = breaking(copy)
    assert found.returncode != 0
    assert "VersionPushed" in found.stdout
    assert "deleted" in found.stdout
