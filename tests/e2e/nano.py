"""The shipped nano base's own voice, as somebody's voice on a hub."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

import gptsovits
from gptsovits.formats.base_pair import write_pair
from tests.e2e.house import DECLARED, Person


def push_nano(person: Person, folder: Path, name: str) -> str:
    """Pushed, scanned, exported, tested and published; answers the name."""
    base = Path(gptsovits.__file__).parent / "bases" / "nano"
    s1, s2 = write_pair(base, folder)
    card = folder / "voice.yaml"
    card.write_text("languages: [en]\ngender: male\n")
    prompt = ("--prompt", _tone(folder / "calm.wav"), "--prompt-text", "hello there", "--prompt-language", "en")
    pushed = person.ok("push", name, s1, s2, "--card", card, *prompt, *DECLARED)
    assert pushed["state"] == "published", pushed
    assert not pushed["not_auditionable"], pushed["not_auditionable"]
    return name


def _tone(path: Path) -> Path:
    """Four seconds of a changing tone."""
    at = np.arange(4 * 16_000) / 16_000
    wave = 0.4 * np.sin(2 * np.pi * (140 + 20 * np.sin(2 * np.pi * 0.7 * at)) * at)
    soundfile.write(path, wave * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at)), 16_000, subtype="PCM_16")
    return path
