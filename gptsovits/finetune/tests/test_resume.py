"""A fine-tune that was stopped goes on as if nothing had happened, on a real recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import torch
from safetensors.torch import load_file

from gptsovits.finetune import Clip, FinetuneError, FinetuneSettings, Progress, align, finetune
from gptsovits.finetune.speaker import features_of_clips
from gptsovits.nano.base import S1_FILE, S2_FILE, load_base
from gptsovits.nano.config import SAMPLE_RATE
from gptsovits.pipeline.training import shipped_base
from gptsovits.runtime.monotonic import MonotonicReading

WORDS = "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness,"
SECONDS = 11.0
SHORT = FinetuneSettings(acoustic_epochs=2, semantic_epochs=1, vocoder_epochs=1, steps=1, shares=(0.5,), sentences=0)


@pytest.fixture(scope="module")
def clips() -> list[Clip]:
    import moonshine_voice

    path = next(Path(moonshine_voice.__file__).parent.rglob("two_cities.wav"))
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    wave = np.asarray(soxr.resample(samples.mean(1), rate, SAMPLE_RATE), np.float32)[: int(SECONDS * SAMPLE_RATE)]
    return align(load_base(shipped_base()), wave, WORDS)


def _tune(clips: Sequence[Clip], out: Path, stop_after: int | None = None) -> list[int]:
    done: list[int] = []

    def told(progress: Progress) -> None:
        done.append(progress.epoch)

    finetune(
        shipped_base(), clips, out, settings=SHORT, progress=told,
        cancelled=lambda: stop_after is not None and len(done) >= stop_after,
    )  # fmt: skip
    return done


def test_it_goes_on_after_the_last_whole_epoch_and_ends_with_the_same_weights(
    clips: list[Clip], tmp_path: Path
) -> None:
    torch.set_num_threads(1)
    _tune(clips, tmp_path / "whole")
    assert _tune(clips, tmp_path / "broken", stop_after=2) == [1, 2]
    assert not (tmp_path / "broken" / S1_FILE).exists()
    assert _tune(clips, tmp_path / "broken")[0] == 3
    assert _tune(clips, tmp_path / "broken") == [4], "whatever ended what came after it, no epoch is trained again"
    for name in (S1_FILE, S2_FILE):
        one, other = (load_file(tmp_path / folder / name) for folder in ("whole", "broken"))
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_a_damaged_state_is_begun_anew_and_ends_with_the_same_weights(clips: list[Clip], tmp_path: Path) -> None:
    _tune(clips, tmp_path, stop_after=1)
    state = tmp_path / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    assert _tune(clips, tmp_path, stop_after=1) == [1]


def test_tokens_of_a_recording_say_its_words_in_order(clips: list[Clip]) -> None:
    base = load_base(shipped_base())
    classes = base.voice.s2.token_classes()
    assert classes is not None
    for item in features_of_clips(base, clips):
        reading = MonotonicReading([classes[item.phones.numpy()]], base.voice.s1.config.EOS)
        flat = np.zeros((1, base.voice.s1.config.EOS + 1), np.float32)
        begun = [int(token) for token in item.tokens if token % 2 == 0 and token]
        for token in begun:
            assert np.isfinite(reading.weigh(flat)[0, token])
            reading.take(np.array([token]))
        assert np.isfinite(reading.weigh(flat)[0, -1])


def test_too_little_speech_is_refused(clips: list[Clip], tmp_path: Path) -> None:
    with pytest.raises(FinetuneError, match="record at least 30 s"):
        _tune(clips[:1], tmp_path)
