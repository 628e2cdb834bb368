"""The shipped nano base's own voice, as somebody's voice on a hub."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

import gptsovits
from gptsovits.formats.base_pair import write_pair
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.formats.checkpoint_writer import write_checkpoint
from tests.e2e.house import DECLARED, Person

Change = Callable[[str, NDArray[Any]], NDArray[Any]]
"""What becomes of a tensor, by its name on a hub (`s1/…`, `s2/…`)."""


def push_nano(
    person: Person, folder: Path, name: str, change: Change | None = None, more: Sequence[str | Path] = ()
) -> str:
    """Pushed, scanned, exported, tested and published, with `more` options; answers the name."""
    base = Path(gptsovits.__file__).parent / "bases" / "nano"
    s1, s2 = write_pair(base, folder)
    if change is not None:
        for stage, path in (("s1", s1), ("s2", s2)):
            read = read_voice_file(path)
            # Copies: what was read may still lie in the file that is written now.
            changed = {key: np.array(change(f"{stage}/{key}", value)) for key, value in read.tensors.items()}
            write_checkpoint(path, changed, read.config, read.info)
    card = folder / "voice.yaml"
    card.write_text("languages: [en]\ngender: male\n")
    prompt = ("--prompt", _tone(folder / "calm.wav"), "--prompt-text", "hello there", "--prompt-language", "en")
    pushed = person.ok("push", name, s1, s2, "--card", card, *prompt, *DECLARED, *more)
    assert pushed["state"] == "published", pushed
    assert not pushed["not_auditionable"], pushed["not_auditionable"]
    return name


def _tone(path: Path) -> Path:
    """Four seconds of a changing tone."""
    at = np.arange(4 * 16_000) / 16_000
    wave = 0.4 * np.sin(2 * np.pi * (140 + 20 * np.sin(2 * np.pi * 0.7 * at)) * at)
    soundfile.write(path, wave * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * at)), 16_000, subtype="PCM_16")
    return path
