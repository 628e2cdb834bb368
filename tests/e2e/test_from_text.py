"""From a recording and a typed sentence through the whole hub: what `say` speaks is what the torch engine speaks.

Random weights make noise, not speech: the equality is the proof. The content encoder is of the real `transformers`
class, 96 wide, and comes to the hub by `voicehub-admin base add`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import yaml

from gptsovits.arch.content import load_content_network
from gptsovits.arch.torch_voice import TorchVoice
from gptsovits.conftest import write_small_hubert
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.runtime.prompt import Prompt
from gptsovits.runtime.sampling import Sampling, seeded_race
from gptsovits.runtime.speaking import frontend
from gptsovits.text import phonemize
from tests.e2e.golden import CHECKPOINTS, S1
from tests.e2e.house import DECLARED, PATIENCE, House, Person

V2 = CHECKPOINTS / "tiny_v2_e8_s128.pth"
SAID_IN_PROMPT = "She walked along the river."
SENTENCE = "Hello zorbla, how are you today?"
LEXICON = {"zorbla": ["W", "ER1", "L", "D"]}
SEED = 5


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_small_hubert(tmp_path_factory.mktemp("base") / "small-hubert")


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds at 32 kHz with a changing pitch and loudness."""
    time = np.arange(4 * 32000) / 32000
    tone = np.sin(2 * np.pi * (140 * time + 20 * np.sin(2 * np.pi * 0.7 * time)))
    path = tmp_path_factory.mktemp("prompt") / "prompt.wav"
    soundfile.write(path, tone * (0.3 + 0.2 * np.sin(2 * np.pi * 3 * time)), 32000, subtype="PCM_16")
    return path


def test_say_equals_the_torch_engine(
    house: House, creator: Person, developer: Person, encoder: Path, recording: Path, card: Path, tmp_path: Path
) -> None:
    """Pushed before the encoder is there: the voice waits, and speaks without another push once it is."""
    lexicon = tmp_path / "lexicon.yaml"
    lexicon.write_text(yaml.safe_dump({"en": LEXICON}))
    prompt = ("--prompt", recording, "--prompt-text", SAID_IN_PROMPT, "--prompt-language", "en")
    pushed = creator.ok("push", "creator/from-text", S1, V2, lexicon, "--card", card, *prompt, *DECLARED)
    assert pushed["state"] == "published"
    assert "base add" in pushed["not_auditionable"]
    assert developer("say", "creator/from-text", SENTENCE, "-o", tmp_path / "mute.wav").code == 1
    command = [sys.executable, "-m", "services.common.admin.main", "base", "add", str(encoder)]
    subprocess.run([*command, "--data", str(house.data)], check=True, capture_output=True, timeout=300)
    spoken = _await_samples(house, pushed["id"])
    assert not spoken["not_auditionable"]
    assert spoken["requires"]["content_encoder"]
    first = developer.ok("pull", "creator/from-text")
    assert set(first["missing_bases"]) <= {"bert"}  # Chinese would need one, English does not
    assert developer.ok("pull", "creator/from-text")["received_bytes"] == 0  # the base came once
    out = tmp_path / "said.wav"
    said = developer.ok(
        "say", "creator/from-text", SENTENCE, "--language", "en", "--seed", str(SEED), "-o", out, without_torch=True
    )
    assert said["tokens"] == _by_torch(encoder, recording)
    assert soundfile.info(out).samplerate == 32000


def _await_samples(house: House, version: str) -> dict[str, Any]:
    """The version as soon as it has samples to listen to, which is the last thing that happens to it."""
    address = f"{house.url}/v1/repos/creator/from-text/versions/{version}"
    deadline = time.monotonic() + PATIENCE
    while not (found := httpx.get(address).json())["samples"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)
    return dict(found)


def _by_torch(encoder: Path, recording: Path) -> list[int]:
    one, two = read_voice_file(S1), read_voice_file(V2)
    engine = TorchVoice.from_tensors(one.tensors, one.config, two.tensors, two.config)
    wave = np.asarray(soundfile.read(recording, dtype="float32")[0], np.float32)
    words = np.array(phonemize(SAID_IN_PROMPT, "en").ids, np.int64)
    prompt = Prompt(wave, phones=words, text=SAID_IN_PROMPT, language="en")
    conditioning = engine.prepare(prompt, load_content_network(encoder))
    tokens: list[int] = []
    for number, piece in enumerate(frontend({"en": LEXICON})(SENTENCE, "en")):
        race = seeded_race(SEED + number)
        spoken = engine.generate_tokens(piece.phones, None, conditioning, Sampling(), race)
        tokens += [int(t) for t in spoken]
    return tokens
