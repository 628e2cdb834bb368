from __future__ import annotations

import json
from pathlib import Path

import pytest
from blake3 import blake3
from click.testing import CliRunner

from voicehub.cache import Cache
from voicehub.checking import pulled_voices
from voicehub.cli.main import cli
from voicehub.models import File, ObjectRef, Tensor, Version
from voicehub.names import parse_name
from voicehub.pruning import held, prune
from voicehub.tests.hub import Hub


def _keep(cache: Cache, name: str, identifier: str, *contents: bytes) -> None:
    tensors = []
    for number, data in enumerate(contents):
        digest = blake3(data).hexdigest()
        cache.keep_blob(digest, data)
        tensors.append(Tensor(f"s2/t{number}", "uint8", digest, (len(data),), len(data)))
    voice = parse_name(name)
    folder = cache.keep_version(voice, Version(identifier, voice.owner, voice.name, tensors=tuple(tensors)))
    cache.link(folder, "prompts/a.wav", tensors[0].digest)


def _blobs(cache: Cache) -> set[bytes]:
    return {path.read_bytes() for path in (cache.folder / "blobs").iterdir()}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("VOICEHUB_HOME", str(tmp_path))
    cache = Cache()
    _keep(cache, "ann/voice", "a" * 32, b"old" * 100, b"shared" * 100)
    _keep(cache, "ann/voice", "b" * 32, b"new" * 100, b"shared" * 100)  # main moves on
    _keep(cache, "bob/other", "c" * 32, b"other" * 100)
    return cache


def test_what_is_here_by_version_with_what_only_it_needs(cache: Cache) -> None:
    found = {one.version[0]: (one.voice, one.refs, one.size, one.own) for one in held(cache)}
    assert found == {
        "a": ("ann/voice", (), 900, 300), "b": ("ann/voice", ("main",), 900, 300),
        "c": ("bob/other", ("main",), 500, 500),
    }  # fmt: skip


def test_pruning_keeps_what_a_ref_names_and_what_it_stands_on(cache: Cache) -> None:
    before = _blobs(cache)
    assert prune(cache, dry=True, young=0).versions == (f"ann/voice@{'a' * 32}",)
    assert _blobs(cache) == before
    pruned = prune(cache, young=0)
    assert pruned.files == 1
    assert pruned.freed > 300
    assert _blobs(cache) == {b"new" * 100, b"shared" * 100, b"other" * 100}
    version, folder = cache.find(parse_name("ann/voice"))
    assert version.id == "b" * 32
    assert (folder / "prompts" / "a.wav").read_bytes() == b"new" * 100
    assert prune(cache, young=0) == type(pruned)((), 0, 0)


def test_a_named_voice_goes_whole(cache: Cache) -> None:
    prune(cache, [parse_name("ann/voice")], young=0)
    assert _blobs(cache) == {b"other" * 100}
    assert [one.voice for one in held(cache)] == ["bob/other"]


def test_ids_are_printed_whole_for_they_are_refs(cache: Cache) -> None:
    listed = CliRunner().invoke(cli, ["cache", "ls"]).stdout
    gone = CliRunner().invoke(cli, ["cache", "prune", f"bob/other@{'c' * 32}"])
    assert "c" * 32 in listed
    assert gone.exit_code == 0
    assert "bob/other" not in {one.voice for one in held(cache)}


def test_what_is_not_here_cannot_be_pruned_and_nothing_goes(cache: Cache) -> None:
    before = _blobs(cache)
    for absent in ("bob/nope", "bob/other@v9"):
        refused = CliRunner().invoke(cli, ["cache", "prune", "ann/voice", absent])
        assert refused.exit_code == 1
        assert f"{absent} is not in the cache" in refused.stderr
    assert len(held(cache)) == 3
    assert _blobs(cache) == before


@pytest.mark.parametrize("form", ["onnx", "safetensors", "original"])
def test_an_erased_version_is_said_to_be_and_leaves_nothing(hub: Hub, tmp_path: Path, form: str) -> None:
    identifier = "d" * 32
    hub.json[f"/v1/repos/bob/gone/versions/{identifier}"] = {"id": identifier, "state": "erased"}
    hub.json["/v1/bases"] = {"items": []}
    refused = CliRunner().invoke(cli, ["pull", f"bob/gone@{identifier}", "--format", form, "--hub", hub.url])
    assert refused.exit_code == 1
    assert "was erased" in refused.stderr
    assert not held(Cache())


def test_bases_and_young_files_stay(cache: Cache) -> None:
    for name, data in (("base", b"encoder"), ("loose", b"of a pull under way")):
        cache.keep_blob(blake3(data).hexdigest(), data)
        if name == "base":
            cache.link(cache.base("d" * 64), "content.onnx", blake3(data).hexdigest())
    prune(cache)
    assert {b"encoder", b"of a pull under way"} <= _blobs(cache)
    prune(cache, young=0)
    assert b"encoder" in _blobs(cache)
    assert b"of a pull under way" not in _blobs(cache)


def test_manifests_name_files_too(cache: Cache) -> None:
    data = b"a prompt"
    cache.keep_blob(blake3(data).hexdigest(), data)
    file = File("prompts/b.wav", ObjectRef(blake3(data).hexdigest(), len(data)))
    cache.keep_version(parse_name("bob/third"), Version("e" * 32, files=(file,)))
    prune(cache, young=0)
    assert data in _blobs(cache)


def test_on_the_command_line(cache: Cache) -> None:
    listed = CliRunner().invoke(cli, ["cache", "ls", "--json"])
    assert [one["voice"] for one in json.loads(listed.output)["versions"]] == ["ann/voice", "ann/voice", "bob/other"]
    assert "ann/voice" in CliRunner().invoke(cli, ["cache", "ls"]).output
    done = CliRunner().invoke(cli, ["cache", "prune", "bob/other", "--young", "0"])
    assert done.exit_code == 0, done.output
    assert "2 versions and 2 files are gone" in done.output
    assert "1 versions" in CliRunner().invoke(cli, ["cache", "ls"]).output


def test_no_two_voices_share_a_folder(tmp_path: Path) -> None:
    """`a/b--c` and `a--b/c` were one: who pulled both merged and spoke the one under the name of the other."""
    cache = Cache(tmp_path)
    names = [parse_name(text) for text in ("a/b--c", "a--b/c", "a-/b", "a/b-", "a-b/c")]
    for number, name in enumerate(names):
        cache.keep_version(name, Version(f"{number:032x}", name.owner, name.name))
    assert [cache.find(name)[0].id for name in names] == [f"{number:032x}" for number in range(len(names))]
    held_here = {(voice.owner, voice.name): version.id for voice, version in cache.versions()}
    assert held_here == {(name.owner, name.name): f"{number:032x}" for number, name in enumerate(names)}
    speaks = cache.snapshot(names[1], f"{1:032x}") / "onnx" / "bundle.json"
    speaks.parent.mkdir()
    speaks.touch()
    assert [(name.owner, name.name, name.ref) for name in pulled_voices(cache)] == [("a--b", "c", f"{1:032x}")]
