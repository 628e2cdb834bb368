"""A fine-tune from clips to a voice: stages in epochs, resumable, cancellable, and the choice at the end."""

from __future__ import annotations

import copy
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gptsovits.finetune.align import Clip
from gptsovits.finetune.choice import Chooser, prompt_of
from gptsovits.finetune.settings import Candidate, FinetuneResult, FinetuneSettings, Progress
from gptsovits.finetune.speaker import features_of_clips, replay_set
from gptsovits.finetune.stages import AcousticStage, SemanticStage, Stage, VocoderStage, update
from gptsovits.finetune.state import SavedState
from gptsovits.nano.base import NanoBase, load_base, save_voice
from gptsovits.pretrain.semantic import spoken_texts
from gptsovits.whole import write_whole

VOICE_FILE = "voice.json"
_FEWEST_SECONDS = 10.0
_FEWEST_CLIPS = 2
_CHOICE = "choice"
_USUAL_SHARE = 0.5
_BLENDED = ("enc_p", "ref_enc")

OnProgress = Callable[[Progress], None]
Cancelled = Callable[[], bool]


class FinetuneError(ValueError):
    """The clips cannot be learned from; the message says why and what to do."""


@dataclass
class _Task:
    """Everything a running fine-tune holds."""

    base: NanoBase
    stages: list[Stage]
    source: np.random.Generator
    state: SavedState
    origin: dict[str, dict[str, Tensor]]
    began: float

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)


def finetune(
    base: Path,
    clips: Sequence[Clip],
    out: Path,
    *,
    settings: FinetuneSettings,
    progress: OnProgress,
    cancelled: Cancelled,
) -> FinetuneResult:
    """Tunes the base in folder ``base`` to the speaker of ``clips`` and writes the voice to ``out``.

    Called again with the same arguments after a kill or a cancellation it goes on after the last whole epoch, and
    ends with the same weights as an uninterrupted run on the same machine; what comes after a fine-tune may be killed
    too, so its state stays in ``out`` until the caller removes the folder. Raises :class:`FinetuneError` when there
    is too little speech. ``cancelled`` is asked between updates.
    """
    seconds = sum(clip.seconds for clip in clips)
    if len(clips) < _FEWEST_CLIPS or seconds < _FEWEST_SECONDS:
        raise FinetuneError(f"{seconds:.0f} s of speech in {len(clips)} clips are too little; record at least 30 s.")
    task = _prepared(base, clips, out, settings)
    done = _run_epochs(task, settings, progress, cancelled)
    if done < task.epochs:
        return FinetuneResult(None, done, time.monotonic() - task.began, None, ())
    candidates = _choose(task, clips, settings)
    chosen = max(candidates, key=lambda candidate: candidate.merit) if candidates else None
    _blend(task, chosen.share if chosen else min(settings.shares, key=lambda share: abs(share - _USUAL_SHARE)))
    elapsed = time.monotonic() - task.began
    progress(Progress(_CHOICE, task.epochs, task.epochs, 0.0, elapsed))
    _write(out, task.base, clips, settings, candidates, chosen)
    return FinetuneResult(out, task.epochs, elapsed, chosen, tuple(candidates))


def _prepared(folder: Path, clips: Sequence[Clip], out: Path, settings: FinetuneSettings) -> _Task:
    torch.manual_seed(settings.seed)
    base = load_base(folder)
    items, replay = features_of_clips(base, clips), replay_set(folder)
    if len(items) < _FEWEST_CLIPS:
        raise FinetuneError("The words do not fit the recording; give exactly the words that are spoken in it.")
    texts = spoken_texts(items)
    stages: list[Stage] = [
        SemanticStage(base.voice, texts, replay, settings.semantic_epochs),
        VocoderStage(base.voice, items, settings.vocoder_epochs),
        AcousticStage(base.voice, items, replay, settings.acoustic_epochs),
    ]
    state = SavedState(out, _identity(folder, clips, settings))
    origin = {name: copy.deepcopy(getattr(base.voice.s2, name).state_dict()) for name in _BLENDED}
    return _Task(base, stages, np.random.default_rng(settings.seed), state, origin, time.monotonic())


def _identity(folder: Path, clips: Sequence[Clip], settings: FinetuneSettings) -> str:
    """Digest of all that decides the outcome."""
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=16)
    for name in sorted(path.name for path in folder.glob("*.safetensors")):
        digest.update((folder / name).read_bytes())
    for clip in clips:
        digest.update(clip.text.encode() + clip.wave.tobytes())
    return digest.hexdigest()


def _run_epochs(task: _Task, settings: FinetuneSettings, progress: OnProgress, cancelled: Cancelled) -> int:
    """Epochs over all stages; returns how many are done."""
    restored = task.state.restore(task.source)
    done = _load(task, restored[0], restored[1], restored[2]) if restored else 0
    first = 0
    for stage in task.stages:
        for epoch in range(max(done - first, 0), stage.epochs):
            loss = _epoch(stage, epoch, settings.steps, task.source, cancelled)
            if loss is None:
                return first + epoch
            elapsed = time.monotonic() - task.began
            task.state.save(first + epoch + 1, _tensors(task), task.source, elapsed)
            progress(Progress(stage.name, first + epoch + 1, task.epochs, loss, elapsed))
        first += stage.epochs
    return first


def _epoch(stage: Stage, epoch: int, steps: int, source: np.random.Generator, cancelled: Cancelled) -> float | None:
    """Mean loss of an epoch; None when cancelled."""
    total = 0.0
    for step in range(steps):
        if cancelled():
            return None
        loss = stage.step((epoch + step / steps) / stage.epochs, source)
        update(stage, loss)
        total += float(loss.detach())
    return total / steps


def _tensors(task: _Task) -> dict[str, Any]:
    return {
        "networks": [stage.network.state_dict() for stage in task.stages],
        "optimisers": [stage.optimiser.state_dict() for stage in task.stages],
    }


def _load(task: _Task, epoch: int, tensors: dict[str, Any], seconds: float) -> int:
    for stage, network, optimiser in zip(task.stages, tensors["networks"], tensors["optimisers"], strict=True):
        stage.network.load_state_dict(network)
        stage.optimiser.load_state_dict(optimiser)
    task.began -= seconds
    return epoch


def _choose(task: _Task, clips: Sequence[Clip], settings: FinetuneSettings) -> list[Candidate]:
    """Judges every share; none when there is nothing to choose between."""
    if len(settings.shares) < 2 or settings.sentences == 0:
        return []
    chooser = Chooser(task.base, clips, settings.sentences, settings.seed)
    tuned = {name: copy.deepcopy(getattr(task.base.voice.s2, name).state_dict()) for name in _BLENDED}
    judged = []
    for share in settings.shares:
        _blend(task, share)
        judged.append(chooser.judge(task.base.voice, share))
        for name, weights in tuned.items():
            getattr(task.base.voice.s2, name).load_state_dict(weights)
    return judged


def _blend(task: _Task, share: float) -> None:
    """Moves the acoustic weights back to ``share`` of the way from the base."""
    for name in _BLENDED:
        network = getattr(task.base.voice.s2, name)
        tuned = network.state_dict()
        network.load_state_dict({key: torch.lerp(start, tuned[key], share) for key, start in task.origin[name].items()})


def _write(
    out: Path, base: NanoBase, clips: Sequence[Clip], settings: FinetuneSettings, candidates: Sequence[Candidate],
    chosen: Candidate | None,
) -> None:  # fmt: skip
    """Weights, and everything about them that a card may want to tell."""
    save_voice(out, base.voice)
    prompt = prompt_of(clips)
    facts = {
        "family": "nano",
        "base": base.facts["name"],
        "config": {"s1": base.voice.s1_config, "s2": base.voice.s2_config},
        "settings": asdict(settings),
        "clips": [{"text": clip.text, "seconds": round(clip.seconds, 2), "start": clip.start} for clip in clips],
        "prompt": {"text": prompt.text, "start": prompt.start, "seconds": round(prompt.seconds, 2)},
        "candidates": [asdict(candidate) for candidate in candidates],
        "chosen": asdict(chosen) if chosen else None,
    }
    write_whole(out / VOICE_FILE, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
