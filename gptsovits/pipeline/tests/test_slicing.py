"""Clips to learn from and clips to be judged on, or a refusal before anything is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gptsovits.pipeline.decode import Recording
from gptsovits.pipeline.refusal import RecordingRefused
from gptsovits.pipeline.slicing import slice_recording
from gptsovits.pipeline.training import shipped_base


def test_what_leaves_nothing_to_judge_on_is_refused_before_training() -> None:
    import moonshine_voice

    path = next(Path(moonshine_voice.__file__).parent.rglob("two_cities.wav"))
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    recording = Recording(np.asarray(samples.mean(1)[: 5 * rate], np.float32), rate)
    with pytest.raises(RecordingRefused, match="too few to learn from some and to judge") as caught:
        slice_recording(recording, "It was the best of times, it was the worst of times,", "en", shipped_base(),
                        lambda _: None)  # fmt: skip
    assert caught.value.reason == "little-speech"
