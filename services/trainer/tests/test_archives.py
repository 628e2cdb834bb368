"""Folders that travel through the object store."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from services.common.objects import open_store
from services.trainer.archives import AREA, pack, unpack


def test_a_folder_comes_back(tmp_path: Path) -> None:
    objects = open_store(f"file://{tmp_path / 'objects'}")
    (tmp_path / "voice" / "prompts").mkdir(parents=True)
    (tmp_path / "voice" / "prompts" / "one.wav").write_bytes(b"sound")
    (tmp_path / "voice" / "voice.yaml").write_text("name: one")
    stored = pack(objects, tmp_path / "voice")
    assert pack(objects, tmp_path / "voice").digest == stored.digest
    unpack(objects, stored.digest, tmp_path / "back")
    found = {str(path.relative_to(tmp_path / "back")): path.read_bytes() for path in (tmp_path / "back").rglob("*.*")}
    assert found == {"prompts/one.wav": b"sound", "voice.yaml": b"name: one"}


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "link", "device"])
def test_nothing_is_laid_outside_and_nothing_but_files(tmp_path: Path, name: str) -> None:
    objects = open_store(f"file://{tmp_path / 'objects'}")
    entry = tarfile.TarInfo(name)
    entry.type = {"link": tarfile.SYMTYPE, "device": tarfile.CHRTYPE}.get(name, tarfile.REGTYPE)
    entry.linkname = "/etc/passwd" if name == "link" else ""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(entry)
    stored = objects.put(AREA, [file.getvalue()])
    with pytest.raises(tarfile.TarError, match="is not a file of this folder"):
        unpack(objects, stored.digest, tmp_path / "back")
    assert not (tmp_path / "outside").exists()
    assert not list((tmp_path / "back").iterdir())
