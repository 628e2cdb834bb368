from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from blake3 import blake3
from click.testing import CliRunner
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as save_torch_file

from voicehub.cache import Cache
from voicehub.cli.main import cli
from voicehub.models import File, ObjectRef, Tensor, Version
from voicehub.names import parse_name


def _folder(path: Path, decoder: float, text: float, phones: str = "G") -> Path:
    path.mkdir()
    values = {"dec.conv_pre.bias": np.full(4, decoder, np.float16), "enc_p.proj.bias": np.full(4, text, np.float16)}
    save_file(values, path / "s2.safetensors")
    (path / "configs.json").write_text('{"s2": {"model": {"version": "v2"}}}')
    (path / "lexicon.yaml").write_text(f"en:\n  gif: [{phones}]\n")
    return path


def _run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["merge", *map(str, arguments)])
    return done.exit_code, done.output


@pytest.fixture
def sides(tmp_path: Path) -> list[Path]:
    return [
        _folder(tmp_path / "base", 0, 0), _folder(tmp_path / "ours", 1, 0), _folder(tmp_path / "theirs", 3, 5),
    ]  # fmt: skip


def test_folders_become_a_folder_that_can_be_merged_again(sides: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, text = _run(*sides, "-o", out, "--original", "both", "--json")
    assert code == 0, text
    found = load_file(out / "s2.safetensors")
    assert (found["dec.conv_pre.bias"].tolist(), found["enc_p.proj.bias"].tolist()) == ([4.0] * 4, [5.0] * 4)
    assert {Path(name).name for name in json.loads(text)["files"]} == {
        "s2.safetensors", "both.pth", "configs.json", "merge.json", "lexicon.yaml",
    }  # fmt: skip
    assert _run(sides[0], out, sides[2], "-o", tmp_path / "again", "--choose", "decoder=theirs")[0] == 0
    assert load_file(tmp_path / "again" / "s2.safetensors")["dec.conv_pre.bias"].tolist() == [3.0] * 4


def test_conflicts_are_listed_and_nothing_is_written(sides: list[Path], tmp_path: Path) -> None:
    for side, phones in zip(sides[1:], ("JH", "Y"), strict=True):
        (side / "lexicon.yaml").write_text(f"en:\n  gif: [{phones}]\n")
    code, text = _run(*sides, "-o", tmp_path / "out")
    assert code == 4
    assert all(part in text for part in ("lexicon en/gif", "JH", "Y"))
    assert not (tmp_path / "out").exists()
    assert _run(*sides, "-o", tmp_path / "out", "--lexicon", "ours")[0] == 0


def test_words_that_yaml_takes_for_other_things_are_words(sides: list[Path], tmp_path: Path) -> None:
    for side in sides:
        (side / "lexicon.yaml").write_text("no:\n  on: [AA1, N]\n  007: [S]\n  null: [N]\n")
    assert _run(*sides, "-o", tmp_path / "out")[0] == 0
    written = yaml.safe_load((tmp_path / "out" / "lexicon.yaml").read_text())
    assert written == {"no": {"on": ["AA1", "N"], "007": ["S"], "null": ["N"]}}


@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e4m3fn"])
def test_a_folder_of_a_type_that_numpy_has_not_is_told(sides: list[Path], tmp_path: Path, dtype: str) -> None:
    save_torch_file({"dec.conv_pre.bias": torch.ones(4, dtype=getattr(torch, dtype))}, sides[1] / "s2.safetensors")
    code, text = _run(*sides, "-o", tmp_path / "out")
    assert (code, "Save them as float16 or float32" in " ".join(text.split())) == (5, True), text
    assert not (tmp_path / "out").exists()


def test_wrong_calls_say_how_it_is_done(sides: list[Path], tmp_path: Path) -> None:
    assert _run(*sides, "-o", tmp_path / "o", "--strategy", "magic")[0] == 2
    assert _run(*sides, "-o", tmp_path / "o", "--choose", "decoder")[0] == 2
    assert _run(*sides[:2], "nobody/nothing", "-o", tmp_path / "o")[0] == 1
    assert _run(*sides[:2], "nowhere", "-o", tmp_path / "o")[0] == 1


def test_pulled_voices_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHUB_HOME", str(tmp_path / "home"))
    cache = Cache()
    for name, value in (("ann/base", 0.0), ("ann/voice", 1.0), ("bob/voice", 2.0)):
        data = np.full(3, value, "<f4").tobytes()
        digest = blake3(data).hexdigest()
        cache.blob(digest).parent.mkdir(parents=True, exist_ok=True)
        cache.blob(digest).write_bytes(data)
        tensor = Tensor("s2/dec.conv_pre.bias", "float32", digest, (3,), len(data))
        words = b"en: {}\n"
        file = File("lexicon/lexicon.yaml", ObjectRef(blake3(words).hexdigest(), len(words)))
        cache.blob(file.object.digest).write_bytes(words)
        voice = parse_name(name)
        folder = cache.keep_version(voice, Version("0" * 31 + name[0], tensors=(tensor,), files=(file,)))
        cache.link(folder, file.path, file.object.digest)
    code, text = _run("ann/base", "ann/voice", "bob/voice", "-o", tmp_path / "out", "--strategy", "linear")
    assert code == 0, text
    assert load_file(tmp_path / "out" / "s2.safetensors")["dec.conv_pre.bias"].tolist() == [1.5] * 3
