"""`voicehub train --local`: a voice from a recording that stays where it is; only weights travel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from safetensors import safe_open

from tests.e2e.eavesdropper import Eavesdropper, listening
from tests.e2e.house import DECLARED, FEW_STEPS, House, Person
from tools.demo.recording import TRANSCRIPT, find_source
from voicehub import Client
from voicehub.cache import Cache
from voicehub.names import parse_name

CONTAINERS = (b"RIFF", b"fLaC", b"OggS", b"ftypM4A", b"ID3\x03", b"ID3\x04")
SENT = {"s1.ckpt", "s2.pth", "prompt.safetensors"}
PRIVATE = {"ge", "codes", "phones", "bert"}
WINDOW = 48
TRAINING_SECONDS = 900.0


@pytest.fixture
def wire(house: House) -> Iterator[Eavesdropper]:
    with listening(house.url) as proxy:
        yield proxy


def audio_in(heard: bytes, recording: Path) -> list[str]:
    """What of a recording is in `heard`: its container, or a stretch of its samples in a usual form."""
    wave, rate = soundfile.read(recording, dtype="float32")
    forms = {
        "16 bit": (np.clip(wave, -1, 1) * 32767).astype("<i2"),
        "file": np.frombuffer(recording.read_bytes()[44:], np.uint8),
        "float": wave.astype("<f4"),
    }
    found = [name.decode() for name in CONTAINERS if name in heard]
    for name, samples in forms.items():
        content = samples.tobytes()
        step = len(content) // 200
        stretches = (content[at : at + WINDOW] for at in range(step, len(content) - WINDOW, step))
        found += [name] * any(piece in heard for piece in stretches if len(set(piece)) > 8)
    assert rate > 0
    return found


@pytest.mark.timeout(TRAINING_SECONDS + 300)
def test_weights_travel_and_no_audio_byte_does(
    creator: Person, developer: Person, wire: Eavesdropper, tmp_path: Path
) -> None:
    recording = find_source().recording
    words = tmp_path / "words.txt"
    words.write_text(TRANSCRIPT)
    at_home = replace(creator, url=wire.url, environment={**creator.environment, **FEW_STEPS})
    at_home.ok("login", "creator", "--password", "creator-has-a-long-password")
    made = at_home.ok(
        "train",
        "creator/at-home",
        recording,
        "-t",
        f"@{words}",
        "-l",
        "en",
        "--local",
        "--quick",
        *DECLARED,
        patience=TRAINING_SECONDS,
    )
    assert (made["state"], made["not_auditionable"]) == ("published", "")
    heard = wire.heard
    assert len(heard) > 1_000_000  # the weights
    assert audio_in(heard, recording) == []
    assert b"best of times" not in heard
    assert {name for name in SENT if name.encode() in heard} == SENT
    assert b".wav" not in heard
    prompt = _pulled_prompt(developer)
    with safe_open(prompt, "numpy") as file:
        assert set(file.keys()) == PRIVATE
    assert prompt.stat().st_size < 20_000
    said = developer.ok("say", "creator/at-home", "Good morning.", "-o", tmp_path / "said.wav", without_torch=True)
    assert said["seconds"] > 0.2


def test_what_listens_would_have_heard_it(creator: Person, wire: Eavesdropper) -> None:
    recording = find_source().recording
    at_home = replace(creator, url=wire.url)
    at_home.ok("login", "creator", "--password", "creator-has-a-long-password")
    with Client(wire.url, _token(at_home)) as client:
        client.upload(recording)
    assert {"RIFF", "file"} <= set(audio_in(wire.heard, recording))


def _pulled_prompt(developer: Person) -> Path:
    developer.ok("pull", "creator/at-home")
    version, folder = Cache(developer.home / "cache").find(parse_name("creator/at-home"))
    prompts = [folder / file.path for file in version.files if file.path.startswith("prompts/")]
    assert len(prompts) == 1
    assert prompts[0].suffix == ".safetensors"
    return prompts[0]


def _token(person: Person) -> str:
    import json

    saved = json.loads((person.home / "hubs.json").read_text())
    return str(saved["hubs"][person.url]["token"])
