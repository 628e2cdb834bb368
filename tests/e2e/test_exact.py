"""The exact proof: what the original program recorded comes out of pushed, exported, pulled and spoken files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gptsovits.formats.checkpoint import read_voice_file
from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import DECLARED, Person

TOLERANCE = 2e-4
FILES = {
    "head-pk": ("tiny_v2_e8_s128.pth", "v2"),
    "head-01": ("tiny_v2_header01.pth", "v2"),
    "base-style": ("tiny_v2_pretrained_style.pth", "v2"),
    "head-05": ("tiny_v2Pro_e8_s128.pth", "v2Pro"),
}


@pytest.mark.parametrize("name", FILES)
def test_pushed_files_speak_exactly_as_recorded(
    name: str, creator: Person, developer: Person, recorded: dict[str, Recorded], card: Path, tmp_path: Path
) -> None:
    filename, family = FILES[name]
    given = recorded[family]
    voice = f"{creator.name}/{name}"
    pushed = creator.ok(
        "push", voice, S1, CHECKPOINTS / filename, "--card", card, "--prompt", given.prompt, "--tag", name, *DECLARED
    )
    assert pushed["state"] == "published"
    assert pushed["family"] == family
    assert not pushed["not_auditionable"]
    for query in (name, f"{name} tiny"):
        found = developer.ok("search", query)["items"]
        assert name in [hit["repository"]["name"] for hit in found]

    developer.ok("pull", voice)
    exact = ("--features", given.target, "--greedy", "--early-stop", "60", "--noise", given.noise, "--raw")
    for scale, wave in ((0.5, given.wave), (0.0, given.wave_without_noise)):
        out = tmp_path / f"{scale}.npy"
        said = developer.ok("say", voice, *exact, "--noise-scale", str(scale), "-o", out, without_torch=True)
        assert said["tokens"] == given.tokens
        spoken = np.load(out)
        assert spoken.shape == wave.shape
        assert float(np.abs(spoken - wave).max()) <= TOLERANCE

    folder = Path(developer.ok("pull", voice, "--format", "original")["folder"]) / "original"
    for original, rebuilt in ((S1, f"{name}.ckpt"), (CHECKPOINTS / filename, f"{name}.pth")):
        _same_tensors(original, folder / rebuilt)


def _same_tensors(original: Path, rebuilt: Path) -> None:
    left, right = read_voice_file(original), read_voice_file(rebuilt)
    assert set(left.tensors) == set(right.tensors)
    for name, value in left.tensors.items():
        assert value.dtype == right.tensors[name].dtype
        assert np.array_equal(value, right.tensors[name]), name
