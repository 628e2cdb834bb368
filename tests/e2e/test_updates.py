"""A voice that was improved: its push leaves out what the hub has, its pull brings deltas, and kills cost little."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from safetensors.numpy import load_file

import gptsovits
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.formats.checkpoint_writer import write_checkpoint
from tests.e2e.eavesdropper import Eavesdropper, listening
from tests.e2e.house import DECLARED, VOICEHUB, House, Person
from tests.e2e.nano import push_nano
from voicehub.downloads import CHUNK_BYTES

PATIENCE = 120.0
KILLS = 6


@dataclass(frozen=True)
class Improved:
    """A voice with two versions, the files of the second, and how many bytes went to the hub for it."""

    name: str
    versions: tuple[str, str]
    files: tuple[Path, Path]
    sent: int


@pytest.fixture(scope="module")
def line(house: House) -> Iterator[Eavesdropper]:
    """A proxy that counts."""
    with listening(house.url) as proxy:
        yield proxy


def _on(line: Eavesdropper, house: House, name: str) -> Person:
    person = house.person(name)
    environment = {**person.environment, "VOICEHUB_TOKEN": house.token(person)}
    return replace(person, url=line.url, environment=environment)


@pytest.fixture(scope="module")
def improved(house: House, line: Eavesdropper, tmp_path_factory: pytest.TempPathFactory) -> Improved:
    folder, person = tmp_path_factory.mktemp("improved"), _on(line, house, "improver")
    name = push_nano(person, folder, "improver/voice")
    before, files = len(line.heard), _tuned(folder)
    prompt = ("--prompt", folder / "calm.wav", "--prompt-text", "hello there", "--prompt-language", "en")
    pushed = person.ok("push", name, *files, "--card", folder / "voice.yaml", *prompt, *DECLARED)
    assert pushed["state"] == "published", pushed
    sent = len(line.heard) - before
    history = httpx.get(f"{house.url}/v1/repos/{name}/versions").json()["items"]
    return Improved(name, (history[1]["id"], history[0]["id"]), files, sent)


def _tuned(folder: Path) -> tuple[Path, Path]:
    """The base's own voice with a decoder that has moved a little."""
    base = Path(gptsovits.__file__).parent / "bases" / "nano"
    config = json.loads((base / "base.json").read_text())["config"]
    draw, s2 = np.random.default_rng(4), load_file(base / "s2.safetensors")
    for name, value in s2.items():
        if name.startswith("dec."):
            s2[name] = (value + 1e-4 * draw.standard_normal(value.shape)).astype(value.dtype)
    s1 = write_checkpoint(folder / "nano-e2.ckpt", load_file(base / "s1.safetensors"), config["s1"], "GPT-e2")
    return s1, write_checkpoint(folder / "nano_e2_s2.pth", s2, config["s2"], "2e2i")


def _deltas(house: House, voice: Improved) -> list[dict[str, Any]]:
    """Once the hub has made them."""
    deadline = time.monotonic() + PATIENCE
    url = f"{house.url}/v1/repos/{voice.name}/versions/{voice.versions[1]}/deltas"
    while not (found := httpx.get(url, params={"have": voice.versions[0]}).json()["items"]):
        assert time.monotonic() < deadline, "no deltas were made"
        time.sleep(0.2)
    return list(found)


def test_a_push_sends_what_the_hub_was_not_given(improved: Improved) -> None:
    assert improved.sent < 0.25 * sum(path.stat().st_size for path in improved.files)


def test_a_pull_of_an_update_brings_deltas(house: House, line: Eavesdropper, improved: Improved) -> None:
    person, (old, new) = _on(line, house, "updater"), improved.versions
    changed = {delta["digest"] for delta in _deltas(house, improved)}
    person.ok("pull", f"{improved.name}@{old}", "--format", "safetensors")
    tensors = httpx.get(f"{house.url}/v1/repos/{improved.name}/versions/{new}").json()["tensors"]
    whole = sum(tensor["size"] for tensor in tensors if tensor["digest"] in changed)
    before = line.answered
    pulled = person.ok("pull", f"{improved.name}@{new}", "--format", "safetensors")
    assert whole > 2_000_000
    assert pulled["received_bytes"] < 0.55 * whole
    assert line.answered - before < 0.55 * whole + 600_000  # manifests and heads of answers included
    found = load_file(Path(pulled["folder"]) / "safetensors" / "s2.safetensors")
    wanted = read_voice_file(improved.files[1]).tensors
    assert {name: value.tobytes() for name, value in found.items()} == {n: v.tobytes() for n, v in wanted.items()}


def test_a_killed_pull_goes_on_where_it_was(house: House, line: Eavesdropper, improved: Improved) -> None:
    person, chance = _on(line, house, "killed"), random.Random(5)
    blobs = person.home / "cache" / "blobs"

    def held() -> int:
        return sum(path.stat().st_size for path in blobs.glob("*"))

    size = sum(path.stat().st_size for path in improved.files)
    for _ in range(KILLS):
        before, here = line.answered, held()
        process = _pull(person, improved.name)
        line.wait_until_answered(before + chance.randrange(200_000, size // KILLS), PATIENCE)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert line.answered - before - (held() - here) <= CHUNK_BYTES
    assert person.ok("pull", improved.name, "--format", "safetensors")["version"] == improved.versions[1]


def _pull(person: Person, voice: str) -> subprocess.Popen[bytes]:
    environment = {**person.environment, "VOICEHUB_HOME": str(person.home), "VOICEHUB_URL": person.url}
    command = [*VOICEHUB, "pull", voice, "--format", "safetensors", "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
