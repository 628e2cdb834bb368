"""Folders that travel through the object store."""

from __future__ import annotations

import io
import tarfile
import threading
from pathlib import Path

import pytest

from services.common.objects import open_store
from services.trainer.archives import AREA, pack, unpack


def test_a_folder_comes_back(tmp_path: Path) -> None:
    objects = open_store(f"file://{tmp_path / 'objects'}")
    (tmp_path / "voice" / "prompts").mkdir(parents=True)
    (tmp_path / "voice" / "prompts" / "one.wav").write_bytes(b"sound")
    (tmp_path / "voice" / "voice.yaml").write_text("name: one")
    stored = pack(objects, tmp_path / "voice", "job")
    assert pack(objects, tmp_path / "voice", "job").digest == stored.digest
    unpack(objects, stored.digest, tmp_path / "back")
    found = {str(path.relative_to(tmp_path / "back")): path.read_bytes() for path in (tmp_path / "back").rglob("*.*")}
    assert found == {"prompts/one.wav": b"sound", "voice.yaml": b"name: one"}


def test_no_two_jobs_share_an_object(tmp_path: Path) -> None:
    """One that has succeeded leaves nothing, and took with it what another, as deterministic, had just stored."""
    objects = open_store(f"file://{tmp_path / 'objects'}")
    (tmp_path / "voice").mkdir()
    (tmp_path / "voice" / "voice.yaml").write_text("name: one")
    one, other = (pack(objects, tmp_path / "voice", job_id).digest for job_id in ("one", "other"))
    assert one != other
    objects.delete(AREA, one)
    unpack(objects, other, tmp_path / "back")
    assert (tmp_path / "back" / "voice.yaml").read_text() == "name: one"


def test_a_folder_that_another_writes_in_is_packed_whole(tmp_path: Path) -> None:
    """As a checkpoint is while the training goes on: its state is replaced, at the end other files take its place."""
    objects = open_store(f"file://{tmp_path / 'objects'}")
    states = [bytes([number]) * 300_000 for number in range(40)]
    tune = tmp_path / "tune"
    tune.mkdir()
    (tune / "state.pt").write_bytes(states[0])
    ended = threading.Event()

    def train() -> None:
        for number in range(400):
            (tune / "state.partial").write_bytes(states[number % len(states)])
            (tune / "state.partial").replace(tune / "state.pt")
        (tune / "weights").write_bytes(b"the end")
        (tune / "state.pt").unlink()
        ended.set()

    trains = threading.Thread(target=train)
    trains.start()
    packed = 0
    while not ended.is_set():
        stored = pack(objects, tune, "job")
        packed += 1
        unpack(objects, stored.digest, tmp_path / str(packed))
        found = {path.name: path.read_bytes() for path in (tmp_path / str(packed)).iterdir()}
        assert "state.partial" not in found
        assert "weights" in found or found["state.pt"] in states
    trains.join()
    assert packed > 5
    unpack(objects, pack(objects, tune, "job").digest, tmp_path / "last")
    assert [path.name for path in (tmp_path / "last").iterdir()] == ["weights"]


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
