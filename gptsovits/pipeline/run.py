"""The pipeline: check, clean, slice, phonemes, train, evaluate, measure; after it a voice lies in a folder.

Every step that took long leaves its result in the job's folder, so that a killed run continues where it stopped: the
fine-tune at its last finished epoch, the rest from the beginning of its step.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gptsovits.pipeline import evaluating, slicing, training
from gptsovits.pipeline.card import compose_card
from gptsovits.pipeline.check import CheckedRecording, check
from gptsovits.pipeline.clean import clean
from gptsovits.pipeline.decode import Recording, decode
from gptsovits.pipeline.measure import measure
from gptsovits.pipeline.voice_folder import write_voice_folder

STEPS = ("check", "clean", "slice", "phonemes", "train", "evaluate", "measure")


@dataclass(frozen=True)
class Progress:
    """How far a step is: `fraction` from 0 to 1, a message and the step's figures so far."""

    step: str
    fraction: float
    message: str
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """What is to be trained.

    Attributes:
        recording: the audio file.
        transcript: exactly what is spoken in it.
        language: BCP 47.
        base: folder of the base voice.
        declaration: source, license, consent.
        card: what the creator says of the voice.
        quick: shorter fine-tune and evaluation.
        private_prompt: keep every audio byte here; the prompt is a timbre vector with tokens.
    """

    recording: Path
    transcript: str
    language: str
    base: Path
    declaration: Mapping[str, str]
    card: Mapping[str, Any]
    quick: bool = False
    private_prompt: bool = False

    @classmethod
    def from_json(cls, value: Mapping[str, Any], recording: Path) -> Request:
        """The request that the trainer service wrote beside the recording."""
        base = Path(value["bases"]) / value["base"] if value["base"] else training.shipped_base()
        names = ("transcript", "language", "declaration", "card", "quick")
        return cls(recording=recording, base=base, **{name: value[name] for name in names})


Report = Callable[[Progress], None]


def run(
    request: Request, folder: Path, report: Report, cancelled: Callable[[], bool] = lambda: False
) -> dict[str, Any]:
    """Makes a voice below `folder / "voice"` and answers its report (figures, clips, timings).

    Raises:
        RecordingRefused: the recording is not fit; the message says what to do.
        training.Cancelled: `cancelled` answered true; run again to continue.
    """
    recording, checked = _check(request, report)
    report(Progress("clean", 0.0, "removing rumble, levelling"))
    cleaned = clean(recording)
    report(Progress("clean", 1.0, "clean", {"seconds": cleaned.seconds}))
    clips = slicing.slice_recording(cleaned, request.transcript, request.language, request.base, report)
    report(Progress("phonemes", 0.0, "words to phonemes"))
    phones = slicing.count_phones(clips.train, request.language)
    report(Progress("phonemes", 1.0, f"{phones} phonemes", {"phones": float(phones)}))
    tuned = training.train(request, clips, folder / "tune", report, cancelled)
    judged = evaluating.evaluate(request, clips, tuned, folder, report)
    report(Progress("measure", 0.0, "pitch, rate, roughness"))
    words = len(request.transcript.split())
    figures = measure(cleaned.wave, cleaned.sample_rate, words, cleaned.seconds)
    card = compose_card(request, figures, judged, checked)
    result = {
        "figures": {
            **judged.figures,
            "seconds": checked.seconds,
            "epochs": float(tuned.epochs),
            "speaker_embedding": judged.speaker,
        },
        "held_out": [clip.text for clip in clips.held_out],
        "base": request.base.name,
        "quick": request.quick,
    }
    write_voice_folder(folder / "voice", request, tuned, card, result)
    report(Progress("measure", 1.0, str(card["description_en"]), dict(judged.figures)))
    return json.loads(json.dumps(result))  # type: ignore[no-any-return]  # plain JSON values only


def _check(request: Request, report: Report) -> tuple[Recording, CheckedRecording]:
    report(Progress("check", 0.0, "reading the recording"))
    recording = decode(request.recording)
    checked = check(recording, request.transcript)
    report(Progress("check", 0.5, "one voice or two?", {"seconds": checked.seconds}))
    slicing.refuse_two_voices(recording)
    report(Progress("check", 1.0, " ".join(checked.advice) or "fit for training", {"speech": checked.speech_seconds}))
    return recording, checked
