"""A base of the published sizes is registered from disk, trained on, pushed, and speaks.

Weights by rule make noise, not speech. What is shown is that every part of the way takes the published sizes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.formats.features import TargetFeatures, write_target_features
from gptsovits.runtime.bert import BertFeatures
from gptsovits.text import phonemize
from tests.e2e.full_size import LINES, RATE, write_encoders, write_recordings, write_stages, write_tone
from tests.e2e.house import DECLARED, ROOT, House, open_house
from voicescan import read_checkpoint

TOKENS = 20
SAMPLES_PER_TOKEN = 1280


@pytest.fixture(scope="module")
def own_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A hub of its own: these encoders fit the voices of other tests, too."""
    with open_house(tmp_path_factory.mktemp("full")) as running:
        yield running


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_base_of_the_published_sizes_is_registered_trained_on_and_spoken_with(
    own_house: House, tmp_path: Path
) -> None:
    files, folders = write_stages(tmp_path), write_encoders(tmp_path)
    added = json.loads(_run("services.common.admin.main", "base", "add", *files, *folders, "--name", "full",
                            "--data", own_house.data, "--json"))  # fmt: skip
    bases = {base["kind"]: own_house.data / "bases" / base["digest"] for base in added}
    assert set(bases) == {"voice", "content_encoder", "bert"}
    listed = httpx.get(f"{own_house.url}/v1/bases").json()["items"]
    assert {base["digest"] for base in added} <= {base["digest"] for base in listed}
    _same(files, bases["voice"])

    tuned = _tuned(bases, tmp_path)
    creator = own_house.person("creator")
    (card := tmp_path / "voice.yaml").write_text("languages: [zh]\ngender: male\n")
    prompt = (
        "--prompt",
        write_tone(tmp_path / "prompt.wav", 4, 140),
        "--prompt-text",
        LINES[0],
        "--prompt-language",
        "zh",
    )
    pushed = creator.ok("push", "creator/full", *tuned, "--card", card, *prompt, *DECLARED)
    assert (pushed["state"], pushed["family"], pushed["not_auditionable"]) == ("published", "v2", "")
    assert pushed["requires"]["content_encoder"] == bases["content_encoder"].name
    assert pushed["requires"]["bert"] == bases["bert"].name

    sequence = phonemize(LINES[1], "zh")
    features = BertFeatures.load(bases["bert"]).of_sequence(sequence)
    target = TargetFeatures(np.array(sequence.ids, np.int64), features, None)
    exact = ("--features", write_target_features(tmp_path / "target.safetensors", target),
             "--early-stop", TOKENS, "--seed", 7, "--raw", "-o")  # fmt: skip
    first, second = (_spoken(creator, exact, tmp_path / f"{turn}.npy") for turn in range(2))
    assert 11 <= len(first[0]) <= TOKENS  # random weights may end before
    assert first[1].shape == (len(first[0]) * SAMPLES_PER_TOKEN,)
    assert np.isfinite(first[1]).all()
    assert np.abs(first[1]).max() > 1e-3
    assert first[0] == second[0]
    np.testing.assert_array_equal(first[1], second[1])


def _spoken(person: Any, options: tuple[Any, ...], out: Path) -> tuple[list[int], np.ndarray]:
    said = person.ok("say", "creator/full", *options, out, without_torch=True)
    assert said["sample_rate"] == RATE
    return said["tokens"], np.load(out)


def _tuned(bases: dict[str, Path], folder: Path) -> list[Path]:
    """Prepares the recordings with the registered encoders and takes a few steps of both stages on the base."""
    weights = {name: bases["voice"] / f"{name}.safetensors" for name in ("s1", "s2", "discriminator")}
    clips, out = folder / "clips", folder / "tuned"
    said = _run("gptsovits.train", "prepare", write_recordings(folder), clips, "--encoder", bases["content_encoder"],
                "--stage2", weights["s2"], "--bert", bases["bert"])  # fmt: skip
    assert f"{len(LINES)} clips" in said
    said = _run("gptsovits.train", "--threads", 2, "finetune", clips, out, "--stage1", weights["s1"],
                "--stage2", weights["s2"], "--discriminator", weights["discriminator"], "--s1-epochs", 1,
                "--s2-epochs", 1, "--batch", 1, "--batches", 5)  # fmt: skip
    assert "s1 epoch 1 of 1" in said
    assert "s2 epoch 1 of 1" in said
    report = json.loads((out / "report.json").read_text())
    assert all(report["changed"][stage]["tensors"] > 0 for stage in ("s1", "s2"))
    tuned = [out / name for name in report["files"]]
    one, two = (read_voice_file(path).tensors for path in tuned)
    before = read_voice_file(weights["s2"]).tensors
    assert all(np.isfinite(value).all() for value in (*one.values(), *two.values()))
    kept = [name for name in two if name.startswith(("ssl_proj", "quantizer"))]
    assert kept
    assert all(two[name].tobytes() == before[name].tobytes() for name in kept)
    return tuned


def _same(files: list[Path], base: Path) -> None:
    """The registered weights are those of the files."""
    for path, name in zip(files, ("s1", "s2", "discriminator"), strict=True):
        given, kept = (read_checkpoint(one).tensors for one in (path, base / f"{name}.safetensors"))
        assert set(given) == set(kept)
        assert all(np.asarray(value).tobytes() == np.asarray(kept[key]).tobytes() for key, value in given.items())


def _run(module: str, *arguments: object) -> str:
    """The output of `python -m`."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
