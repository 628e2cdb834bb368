"""Feature files come back as they were written, and damaged ones are refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from gptsovits.errors import VoiceError
from gptsovits.formats.features import (
    FORMAT,
    TargetFeatures,
    read_conditioning,
    read_prompt_features,
    read_target_features,
    write_conditioning,
    write_prompt_features,
    write_target_features,
)
from gptsovits.parity.recorded_synthesis import recorded_prompt, write_recorded_features
from gptsovits.runtime.prompt import Conditioning

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden"


def test_recorded_prompt_and_target_round_trip(tmp_path: Path) -> None:
    prompt_path, target_path = write_recorded_features(GOLDEN, tmp_path, "v2Pro")
    read, recorded = read_prompt_features(prompt_path), recorded_prompt(GOLDEN, "v2Pro")
    assert read.sample_rate == 32000
    for name in ("wave", "features", "phones", "bert", "speaker"):
        np.testing.assert_array_equal(getattr(read.prompt, name), getattr(recorded, name))
    target = read_target_features(target_path)
    assert target.phones.shape == (28,)
    assert target.noise is not None
    assert target.noise.shape == (1, 32, 30)


def test_text_and_language_travel(tmp_path: Path) -> None:
    from dataclasses import replace

    prompt = replace(recorded_prompt(GOLDEN), text="你好", language="zh", bert=None)
    read = read_prompt_features(write_prompt_features(tmp_path / "p.safetensors", prompt)).prompt
    assert (read.text, read.language, read.bert) == ("你好", "zh", None)


def test_conditioning_round_trip(tmp_path: Path) -> None:
    given = Conditioning.timbre_only(np.ones((1, 4, 1), np.float32), 1024)
    read = read_conditioning(write_conditioning(tmp_path / "c.safetensors", given))
    np.testing.assert_array_equal(read.ge, given.ge)
    assert read.bert.shape == (1024, 0)


@pytest.mark.parametrize(
    ("tensors", "kind", "message"),
    [
        ({"phones": np.zeros(3, np.int32)}, "target", "int64"),
        ({"phones": np.zeros(0, np.int64)}, "target", "at least one"),
        ({"phones": np.array([-1])}, "target", "none negative"),
        ({"phones": np.zeros(5000, np.int64)}, "target", "cut the text"),
        ({"phones": np.zeros(3, np.int64), "bert": np.zeros((4, 2), np.float32)}, "target", "finite float32"),
        ({"phones": np.zeros(3, np.int64), "noise": np.full((1, 2, 2), np.nan, np.float32)}, "target", "finite"),
        ({"phones": np.zeros(3, np.int64)}, "prompt", "no target"),
    ],
)
def test_damaged_targets_are_refused(
    tmp_path: Path, tensors: dict[str, np.ndarray], kind: str, message: str
) -> None:
    path = tmp_path / "t.safetensors"
    save_file(tensors, path, {"format": FORMAT, "kind": kind})
    with pytest.raises(VoiceError, match=message):
        read_target_features(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(b"not one")
    with pytest.raises(VoiceError, match="safetensors"):
        read_target_features(path)
    with pytest.raises(VoiceError, match="safetensors"):
        read_prompt_features(tmp_path / "missing.safetensors")
    write_target_features(path, TargetFeatures(np.array([1]), None, None))
    with pytest.raises(VoiceError, match="no prompt feature file"):
        read_prompt_features(path)
