"""Training on the user's own machine: audio stays here, weights travel."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voicehub.errors import Missing, Refused
from voicehub.models import Declaration
from voicehub.pushing import Part, read_yaml

INSTALL = "pip install 'voicehub[train]'"
WEIGHTS = {"s1.ckpt": "s1", "s2.pth": "s2", "prompt.safetensors": "prompt"}
"""What a local training sends: two stages and a private prompt (timbre vector and tokens, no audio)."""
OnStep = Callable[[str, float, str], None]


@dataclass(frozen=True)
class Recording:
    """A recording, what is said in it (exactly), and in which language."""

    path: Path
    transcript: str
    language: str


@dataclass(frozen=True)
class LocalVoice:
    """A voice trained here: its files, its card, its figures."""

    parts: tuple[Part, ...]
    card: Mapping[str, Any]
    figures: Mapping[str, Any]


def train_here(
    recording: Recording, declaration: Declaration, card: Mapping[str, Any], folder: Path, quick: bool, on_step: OnStep
) -> LocalVoice:
    """Runs the whole pipeline in `folder`; an interrupted run continues where it stopped.

    Raises:
        Missing: the training extra is not installed.
        Refused: the recording is not fit; the message says what to do.
    """
    try:
        from gptsovits.pipeline import run as pipeline
        from gptsovits.pipeline.refusal import RecordingRefused
        from gptsovits.pipeline.training import shipped_base
    except ImportError as error:
        raise Missing(f"Training here needs the package {error.name}.", hint=INSTALL) from error
    request = pipeline.Request(
        recording=recording.path,
        transcript=recording.transcript,
        language=recording.language,
        base=shipped_base(),
        declaration=vars(declaration),
        card=card,
        quick=quick,
        private_prompt=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    try:
        pipeline.run(request, folder, lambda p: on_step(p.step, p.fraction, p.message))
    except RecordingRefused as error:
        raise Refused(str(error)) from error
    return _result(folder / "voice")


def _result(voice: Path) -> LocalVoice:
    parts = tuple(Part(role, voice / name) for name, role in WEIGHTS.items() if (voice / name).exists())
    report = json.loads((voice / "report.json").read_text(encoding="utf-8"))
    return LocalVoice(parts, read_yaml(voice / "voice.yaml"), report["figures"])
