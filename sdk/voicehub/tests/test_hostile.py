"""What strangers' files and careless hands give to the commands: an exit code with a hint, never a traceback."""

from __future__ import annotations

import io
import json
import os
import pickle
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blake3 import blake3
from click.testing import CliRunner, Result

from voicehub.cache import Cache
from voicehub.cli.main import cli
from voicehub.errors import Unreadable
from voicehub.tests.hub import Hub

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"
DECLARED = ("--source", "mine", "--license", "CC0-1.0", "--consent", "self")
NOWHERE = ("--hub", "http://127.0.0.1:9")
SECONDS = 30


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """A command that hangs has failed."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("the command hangs"))
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    return result


def said(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and hint of a command that must fail."""
    result = run(*arguments, "--json")
    problem = json.loads(result.stdout)
    assert problem["error"], result.output
    return result.exit_code, problem["hint"]


def _bomb(path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(64 << 20))
    path.write_bytes(buffer.getvalue())


def _traversing(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../../../tmp/data.pkl", b"\x80\x02}.")


def _loop(path: Path) -> None:
    path.symlink_to(path)


HOSTILE: dict[str, Callable[[Path], object]] = {
    "empty.pth": lambda path: path.write_bytes(b""),
    "half.ckpt": lambda path: path.write_bytes((GOLDEN / "tiny-e15.ckpt").read_bytes()[:70_000]),
    "bomb.pth": _bomb,
    "traversing.pth": _traversing,
    "fifo.pth": os.mkfifo,
    "loop.pth": _loop,
    "folder.pth/": lambda path: path.mkdir(),
    "声音\u202egnp.pth": lambda path: path.write_bytes(b"\xff" * 100),
    "pickle.pth": lambda path: path.write_bytes(pickle.dumps(print)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_files_to_scan_and_to_push(name: str, tmp_path: Path) -> None:
    path = tmp_path / name.rstrip("/")
    HOSTILE[name](path)
    result = run("scan", path, "--json")
    reports = json.loads(result.stdout)
    if path.is_dir():
        assert (result.exit_code, reports) == (0, [])
    else:
        assert result.exit_code in (1, 5)
        assert reports[0]["verdict"] != "clean"
        assert all(finding["message_en"] and finding["message_zh"] for finding in reports[0]["findings"])
    code, hint = said("push", "a/b", path, *DECLARED, *NOWHERE)
    assert code in (1, 2, 3, 5)
    assert hint


YAML_LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)
CARDS = {
    "laughs": YAML_LAUGHS,
    "deep": "[" * 20_000,
    "python object": "!!python/object/apply:os.system ['true']",
    "no mapping": "- a\n- b",
    "binary": "\x00\x01",
    "tab": "languages:\n\t- en",
    "recursive": "a: &a\n  b: *a",
}


@pytest.mark.parametrize("kind", CARDS)
def test_cards(kind: str, tmp_path: Path) -> None:
    card = tmp_path / "voice.yaml"
    card.write_text(CARDS[kind])
    code, hint = said("push", "a/b", GOLDEN / "tiny-e15.ckpt", "--card", card, *DECLARED, *NOWHERE)
    assert code in (2, 3, 4, 5)
    assert hint


def test_a_card_that_is_a_folder_a_pipe_or_not_text(tmp_path: Path) -> None:
    pipe, text = tmp_path / "pipe.yaml", tmp_path / "latin.yaml"
    os.mkfifo(pipe)
    text.write_bytes(b"languages: [\xff\xfe]")
    for card in (tmp_path, pipe, text, Path("/dev/zero")):
        assert said("push", "a/b", GOLDEN / "tiny-e15.ckpt", "--card", card, *DECLARED, *NOWHERE)[0] == 5


def test_recordings_and_transcripts(tmp_path: Path) -> None:
    pipe, words, sound = tmp_path / "pipe.wav", tmp_path / "words.txt", tmp_path / "sound.wav"
    os.mkfifo(pipe)
    words.write_bytes(b"\xff\xfe\x00")
    sound.write_bytes(b"RIFF")
    for recording in (pipe, tmp_path, tmp_path / "absent.wav"):
        assert said("train", "a/b", recording, "-t", "x", "-l", "en", *DECLARED, *NOWHERE)[0] == 1
    for transcript in (words, tmp_path, tmp_path / "absent.txt"):
        assert said("train", "a/b", sound, "-t", f"@{transcript}", "-l", "en", *DECLARED, *NOWHERE)[0] == 5
    code, hint = said("train", "a/b", sound, "-t", "some words", "-l", "en", *DECLARED, *NOWHERE)
    assert (code, bool(hint)) == (3, True)


NAMES = [
    "",
    "/",
    "a",
    "a/",
    "../b",
    "a/../b",
    "a/b/c",
    "A/B C",
    "声/音",
    "a/b@",
    "a/b@../x",
    "a" * 300 + "/b",
    "a/b\x00",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("command", [("info",), ("pull",), ("say", "hello", "-o", "x.wav"), ("star",)])
def test_names_that_are_none(command: tuple[str, ...], name: str) -> None:
    code, hint = said(command[0], name, *command[1:], *NOWHERE)
    assert code in (2, 3)
    assert hint


def test_what_a_hub_may_answer(hub: Hub) -> None:
    answers: list[object] = [None, [], 7, "text", {"items": 3}, {"items": [7]}, {"items": [{}]}, {"items": None}]
    for value in answers:
        hub.json["/v1/search"] = value
        result = run("search", "x", "--hub", hub.url, "--json")
        assert result.exit_code in (0, 1, 3, 5), value


def test_homes_that_are_damaged(own_home: Path) -> None:
    own_home.mkdir()
    for content in (b"[" * 100_000, b"\xff", b"[]", b'{"hubs": 7}', b'{"hubs": {"http://x": 7}, "last": "http://x"}'):
        (own_home / "hubs.json").write_bytes(content)
        code, hint = said("search", "x")
        assert code in (3, 5), content
        assert hint


def test_places_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    monkeypatch.setenv("VOICEHUB_HOME", str(blocked / "home"))
    code, hint = said("login", "ann", "--password", "correct horse battery", *NOWHERE)
    assert code in (3, 5)
    assert hint
    code, hint = said("up", "--data", blocked / "hub")
    assert code in (2, 5)
    assert hint


@pytest.mark.parametrize("kind", ["pickled.npy", "bomb.npy", "text.npy", "empty.safetensors", "lying.safetensors"])
def test_recorded_noise(kind: str, tmp_path: Path) -> None:
    from voicehub.saying import read_noise

    path = tmp_path / kind
    if kind == "pickled.npy":
        np.save(path, np.array([print], dtype=object), allow_pickle=True)
    elif kind == "bomb.npy":
        path.write_bytes(b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }\n")
    elif kind == "lying.safetensors":
        path.write_bytes((1 << 40).to_bytes(8, "little") + b"{}")
    else:
        path.write_bytes(b"no numbers"[: 0 if kind.startswith("empty") else 10])
    with pytest.raises(Unreadable) as caught:
        read_noise(path)
    assert caught.value.hint


DIGEST = blake3(b"evil").hexdigest()
OUTSIDE = "../../../../../../own"


def _manifest(**more: object) -> dict[str, object]:
    """What a hub may say of a voice, with one thing replaced."""
    one = {"digest": DIGEST, "size": 4}
    tensor = {"name": "s2/t", "dtype": "uint8", "shape": [4], **one}
    plain = {"id": "a" * 32, "owner": "ann", "name": "tale", "state": "published", "family": "v2", "tensors": [tensor]}
    return plain | {"files": [{"path": "prompts/a.wav", "object": one}], **more}


@pytest.mark.parametrize(
    "lie",
    [
        {"id": "OUTSIDE"},
        {"id": ".."},
        {"id": ""},
        {"name": "../../own"},
        {"name": ""},
        {"files": [{"path": "a", "object": {"digest": OUTSIDE, "size": 4}}]},
        {"tensors": [{"name": "s2/t", "dtype": "uint8", "shape": [4], "digest": OUTSIDE, "size": 4}]},
        {"files": [{"path": "../a", "object": {"digest": DIGEST, "size": 4}}]},
    ],
)
def test_a_hub_writes_nowhere_but_into_the_cache(hub: Hub, own_home: Path, tmp_path: Path, lie: dict[str, Any]) -> None:
    lie = {key: str(tmp_path / "outside") if value == "OUTSIDE" else value for key, value in lie.items()}
    hub.objects = {DIGEST: b"evil", "own": b"evil"}
    hub.json["/v1/repos/ann/tale/versions/main"] = _manifest(**lie)
    hub.json["/v1/bases"] = {"items": []}
    code, hint = said("pull", "ann/tale", "--format", "original", "--hub", hub.url)
    assert (code, bool(hint)) == (5, True)
    assert {path.name for path in tmp_path.iterdir()} <= {"home"}
    assert not list(own_home.rglob("*own*"))
    assert run("cache", "ls", "--json").exit_code == 0


def test_a_base_is_kept_by_its_digest_only(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    for place in (cache.blob, cache.delta, cache.base):
        for text in ("../x", "/etc", "", DIGEST.upper(), f"{DIGEST}\n", f"{DIGEST}/.."):
            with pytest.raises(Unreadable):
                place(text)
    assert cache.base("-").parent == tmp_path / "bases"
    assert cache.base("unverified:chinese-roberta") == cache.base("unverified:../..") == cache.base("-")


def test_a_manifest_that_links_to_an_object_does_not_have_it_written_over(hub: Hub, own_home: Path) -> None:
    hub.objects = {DIGEST: b"evil"}
    link = {"path": "original/tale.pth", "object": {"digest": DIGEST, "size": 4}}
    hub.json["/v1/repos/ann/tale/versions/main"] = _manifest(files=[link])
    hub.json["/v1/bases"] = {"items": []}
    assert run("pull", "ann/tale", "--format", "original", "--hub", hub.url).exit_code == 0
    assert (own_home / "cache" / "blobs" / DIGEST).read_bytes() == b"evil"
