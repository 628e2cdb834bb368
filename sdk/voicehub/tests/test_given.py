"""A push sends what the hub was not given before: parts of checkpoints and whole files are copied there."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from gptsovits.formats.checkpoint_writer import write_checkpoint
from voicehub import given
from voicehub.tests.hub import Hub
from voicehub.transport import Transport
from voicehub.uploads import upload_all, upload_file


def _checkpoint(path: Path, changed: int) -> Path:
    """Ten tensors of 80 kB, one of them another one."""
    tensors = {f"t{number}": np.random.default_rng(number).standard_normal(10_000) for number in range(10)}
    if changed >= 0:
        tensors[f"t{changed}"] = tensors[f"t{changed}"] + 1
    return write_checkpoint(path, tensors, {"model": {"version": "v2"}}, f"epoch {changed}", head="05")


def _content(hub: Hub, upload: str) -> bytes:
    return bytes(hub.uploads[upload][2])


def test_of_a_fine_tune_only_the_changed_tensors_are_sent(hub: Hub, tmp_path: Path) -> None:
    transport = Transport(hub.url)
    first = _checkpoint(tmp_path / "a.pth", -1)
    upload_file(transport, first)
    assert hub.received_bytes == first.stat().st_size
    second = _checkpoint(tmp_path / "b.pth", 4)
    done = upload_file(transport, second)
    assert _content(hub, done.id) == second.read_bytes()
    assert hub.received_bytes - first.stat().st_size < 80_000 + 8_000


def test_the_same_file_again_is_not_sent_at_all(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "prompt.wav"
    path.write_bytes(random.Random(1).randbytes(3_000_000))
    upload_file(Transport(hub.url), path)
    done = upload_file(Transport(hub.url), path)
    assert hub.received_bytes == 3_000_000
    assert _content(hub, done.id) == path.read_bytes()
    assert sum(path.endswith("/copies") for _, path, _ in hub.requests) == 1


def test_what_the_hub_does_not_know_any_more_is_sent(hub: Hub, tmp_path: Path) -> None:
    path = _checkpoint(tmp_path / "a.pth", -1)
    upload_file(Transport(hub.url), path)
    hub.uploads.clear()
    done = upload_file(Transport(hub.url), path)
    assert _content(hub, done.id) == path.read_bytes()
    assert hub.received_bytes == 2 * path.stat().st_size


def test_several_files_travel_at_once(hub: Hub, tmp_path: Path) -> None:
    paths = []
    for number in range(6):
        paths.append(tmp_path / f"{number}.wav")
        paths[-1].write_bytes(random.Random(number).randbytes(50_000 + number))
    seen: list[tuple[int, int]] = []
    done = upload_all(Transport(hub.url), paths, lambda sent, total: seen.append((sent, total)))
    assert [_content(hub, upload.id) for upload in done] == [path.read_bytes() for path in paths]
    total = sum(path.stat().st_size for path in paths)
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)


@pytest.mark.parametrize("damaged", ["no json", "[[1]]", '{"a": 1}'])
def test_damaged_notes_do_no_harm(hub: Hub, tmp_path: Path, damaged: str) -> None:
    path = _checkpoint(tmp_path / "a.pth", -1)
    done = upload_file(Transport(hub.url), path)
    note = given._folder(hub.url) / f"{done.digest}.json"
    note.write_text(damaged)
    assert _content(hub, upload_file(Transport(hub.url), path).id) == path.read_bytes()


def test_archives_that_lie_are_cut_somewhere(tmp_path: Path) -> None:
    """Only the cuts depend on what the archive says of itself; all bytes are covered."""
    path = _checkpoint(tmp_path / "a.pth", -1)
    data = bytearray(path.read_bytes())
    for place in random.Random(3).sample(range(len(data) - 3000, len(data)), 200):
        data[place] ^= 0xFF
        path.write_bytes(data)
        parts = given.parts_of(path)
        assert [start for _, start, _ in parts] == [0, *(start + size for _, start, size in parts)][:-1]
        assert sum(size for _, _, size in parts) == len(data)
