from __future__ import annotations

import random
import signal
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest

from voicehub import uploads
from voicehub.cache import Cache, safe_path
from voicehub.downloads import Wanted, fetch_all, fetch_file
from voicehub.errors import DigestMismatch, Unreachable, Unreadable
from voicehub.locking import locked
from voicehub.models import ObjectRef
from voicehub.tests.hub import Hub
from voicehub.transport import Transport


def _bytes(count: int) -> bytes:
    return random.Random(count).randbytes(count)


def _wanted(hub: Hub, *contents: bytes) -> list[Wanted]:
    return [Wanted(ObjectRef(d := hub.add(c), len(c)), f"/v1/objects/{d}") for c in contents]


def test_upload_goes_on_after_answers_got_lost(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 1000)
    path = tmp_path / "voice.pth"
    path.write_bytes(_bytes(4500))
    hub.forget_answers = 2
    seen: list[int] = []
    upload = uploads.upload_file(Transport(hub.url), path, lambda done, _: seen.append(done))
    assert bytes(hub.uploads[upload.id][2]) == path.read_bytes()
    assert seen == sorted(seen)
    assert seen[-1] == 4500
    assert len(seen) > 4  # the bar moves inside the file


def test_upload_resumes_in_a_new_process(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 1000)
    path = tmp_path / "voice.pth"
    path.write_bytes(_bytes(3000))

    def stop(done: int, _total: int) -> None:
        if done >= 2000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        uploads.upload_file(Transport(hub.url), path, stop)
    seen: list[int] = []
    upload = uploads.upload_file(Transport(hub.url), path, lambda done, _: seen.append(done))
    assert (upload.id, seen) == ("u0", [2000, 3000])
    assert uploads.upload_file(Transport(hub.url), path).id == "u1"  # a finished one is not taken up again


def test_empty_or_absent_file_is_unreadable(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "empty.pth").touch()
    for name in ("empty.pth", "absent.pth", "."):
        with pytest.raises(Unreadable):
            uploads.upload_file(Transport(hub.url), tmp_path / name)


def test_download_resumes_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    content = _bytes(50_000)
    hub.cuts = [20_000, 20_000]
    cache = Cache(tmp_path)
    received = fetch_all(Transport(hub.url), cache, _wanted(hub, content))
    assert received == hub.sent_since(0, received) == len(content)  # no byte twice
    assert cache.blob(*hub.objects).read_bytes() == content


def test_broken_download_is_kept_for_the_next_try(hub: Hub, tmp_path: Path) -> None:
    content = _bytes(30_000)
    hub.cuts = [1000, *[0] * 9]
    pauses: list[float] = []
    with pytest.raises(Unreachable):
        fetch_all(Transport(hub.url, sleep=pauses.append), Cache(tmp_path), _wanted(hub, content))
    hub.wait_until_sent(1000, 10.0)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0]
    hub.cuts = []
    before = hub.sent_bytes
    fetch_all(Transport(hub.url), Cache(tmp_path), _wanted(hub, content))
    assert hub.sent_since(before, len(content) - 1000) == len(content) - 1000


def test_wrong_bytes_are_refused_and_not_kept(hub: Hub, tmp_path: Path) -> None:
    (wanted,) = _wanted(hub, _bytes(100))
    hub.objects[wanted.object.digest] = _bytes(101)[:100]
    with pytest.raises(DigestMismatch):
        fetch_all(Transport(hub.url), Cache(tmp_path), [wanted])
    assert not list(tmp_path.rglob(f"{wanted.object.digest}*"))


def test_an_answer_without_end_does_not_fill_the_disk(hub: Hub, tmp_path: Path) -> None:
    digest = "a" * 64
    hub.objects[digest] = bytes(32 << 20)
    wanted, kept = Wanted(ObjectRef(digest, 10), f"/v1/objects/{digest}"), list[int]()
    with pytest.raises(DigestMismatch):
        fetch_all(Transport(hub.url), Cache(tmp_path), [wanted], lambda done, _: kept.append(done))
    assert max(kept) < 1 << 20


def test_a_service_that_restarts_in_the_middle_is_waited_for(hub: Hub, tmp_path: Path) -> None:
    hub.json["/v1/me"] = {"name": "ann"}
    pauses: list[float] = []
    transport = Transport(hub.url, sleep=pauses.append)
    transport.json("GET", "/v1/me")
    hub.busy = 7
    assert fetch_all(transport, Cache(tmp_path), _wanted(hub, _bytes(100))) == 100
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0]


def _many(hub: Hub) -> list[Wanted]:
    """What takes 0.75 s on a slow line."""
    hub.seconds_per_block = 0.05
    return _wanted(hub, *(_bytes(50_000 + number) for number in range(60)))


def test_what_is_wrong_with_one_object_is_said_at_once(hub: Hub, tmp_path: Path) -> None:
    wanted = _many(hub)
    hub.objects[wanted[0].object.digest] = bytes(wanted[0].object.size)
    with pytest.raises(DigestMismatch):
        fetch_all(Transport(hub.url), Cache(tmp_path), wanted)
    assert len(list((tmp_path / "blobs").iterdir())) < 20


@pytest.mark.parametrize("held", [False, True])
def test_ctrl_c_ends_a_pull_at_once(hub: Hub, tmp_path: Path, held: bool) -> None:
    """Also one that waits for another process which brings an object."""
    wanted, main = _many(hub), threading.get_ident()
    other = tmp_path / "blobs" / f"{wanted[0].object.digest}.part"
    other.parent.mkdir()

    def interrupt() -> None:
        hub.wait_until_sent(300_000, 10.0)
        signal.pthread_kill(main, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with locked(other, lambda: None) if held else nullcontext(), pytest.raises(KeyboardInterrupt):
            fetch_all(Transport(hub.url), Cache(tmp_path), wanted)
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert len(list((tmp_path / "blobs").iterdir())) < 30


def test_what_is_wrong_with_one_file_ends_the_other_uploads(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PIECE_BYTES", 100)
    paths = [tmp_path / "absent", *(tmp_path / str(number) for number in range(6))]
    for path in paths[1:]:
        path.write_bytes(_bytes(50_000))
    with pytest.raises(Unreadable):
        uploads.upload_all(Transport(hub.url), paths)
    assert hub.received_bytes < 100_000


def test_a_file_stays_only_if_it_has_the_very_bytes(hub: Hub, tmp_path: Path) -> None:
    content, target = _bytes(5000), tmp_path / "lines.zip"
    (wanted,) = _wanted(hub, content)
    target.write_bytes(b"of last week")
    (tmp_path / "lines.zip.part").write_bytes(_bytes(6000))  # and what is left of a longer one
    for _ in range(2):
        fetch_file(Transport(hub.url), wanted, target)
        assert target.read_bytes() == content
        assert hub.sent_since(0, 5000) == 5000
    assert [path.name for path in tmp_path.iterdir()] == ["lines.zip"]


def test_each_object_comes_once(hub: Hub, tmp_path: Path) -> None:
    wanted = _wanted(hub, _bytes(10), _bytes(20), _bytes(10))
    fetch_all(Transport(hub.url), Cache(tmp_path), wanted)
    fetch_all(Transport(hub.url), Cache(tmp_path), wanted)
    assert hub.sent_since(0, 30) == 30


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "", "a\\b", "~root/x", "a\0b"])
def test_manifest_paths_stay_inside(path: str) -> None:
    with pytest.raises(Unreadable):
        safe_path(path)
