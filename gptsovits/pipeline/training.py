"""The fine-tune as a step of the pipeline."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gptsovits
from gptsovits.finetune.align import Clip
from gptsovits.finetune.choice import prompt_of
from gptsovits.finetune.run import VOICE_FILE, FinetuneError, finetune
from gptsovits.finetune.settings import FinetuneSettings
from gptsovits.finetune.settings import Progress as TuneProgress
from gptsovits.pipeline.refusal import RecordingRefused
from gptsovits.pipeline.slicing import Clips

if TYPE_CHECKING:
    from gptsovits.pipeline.run import Progress, Request


class Cancelled(Exception):
    """The run was cancelled; what is trained so far is kept."""


@dataclass(frozen=True)
class Tuned:
    """A tuned voice: folder of its weights, its configurations, the prompt clip and how many epochs it took."""

    folder: Path
    config: dict[str, Any]
    prompt: Clip
    epochs: int


def shipped_base() -> Path:
    """Folder of the nano base that comes with the engine."""
    return Path(gptsovits.__file__).parent / "bases" / "nano"


def train(
    request: Request, clips: Clips, folder: Path, report: Callable[[Progress], None], cancelled: Callable[[], bool]
) -> Tuned:
    """Tunes the base to the clips, or continues where a killed run stopped."""
    from gptsovits.pipeline.run import Progress

    def told(progress: TuneProgress) -> None:
        message = f"{progress.stage}, epoch {progress.epoch} of {progress.epochs}"
        figures = {"loss": progress.loss, "seconds": progress.seconds}
        report(Progress("train", progress.epoch / max(progress.epochs, 1), message, figures))

    settings = settings_of(quick=request.quick)
    try:
        result = finetune(request.base, clips.train, folder, settings=settings, progress=told, cancelled=cancelled)
    except FinetuneError as error:
        raise RecordingRefused("little-speech", str(error), "Record about one minute of clean speech.") from None
    if result.folder is None:
        raise Cancelled("The training was cancelled; resume it to go on.")
    facts = json.loads((result.folder / VOICE_FILE).read_text())
    return Tuned(result.folder, facts["config"], prompt_of(clips.train), result.epochs)


def settings_of(*, quick: bool) -> FinetuneSettings:
    """Those of the request; `VOICEHUB_FINETUNE_STEPS` are an epoch's updates where the road is tried, not the voice."""
    settings = FinetuneSettings.quick() if quick else FinetuneSettings()
    steps = int(os.environ.get("VOICEHUB_FINETUNE_STEPS", "0"))
    return replace(settings, steps=steps) if steps else settings
