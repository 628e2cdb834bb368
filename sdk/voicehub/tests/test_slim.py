from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from gptsovits.formats.delta import encode
from voicehub.cli.main import cli

MATRIX, BIAS, STEPS, NEW = "dec.conv_pre.weight", "dec.conv_pre.bias", "dec.steps", "dec.new.weight"
Tensors = dict[str, NDArray[Any]]


def _folder(path: Path, tensors: Tensors) -> Path:
    path.mkdir()
    save_file(tensors, path / "s2.safetensors")
    (path / "configs.json").write_text('{"s2": {"model": {"version": "v2"}}}')
    return path


@pytest.fixture
def sides(tmp_path: Path) -> tuple[Tensors, Tensors]:
    draw = np.random.default_rng(1)
    base = {MATRIX: (draw.standard_normal((96, 128)) * 0.05), BIAS: draw.standard_normal(96), STEPS: np.array([1])}
    tuned = {name: value + 1e-3 * draw.standard_normal(value.shape) for name, value in base.items() if name != STEPS}
    tuned[NEW] = draw.standard_normal((96, 128))
    both = tuple({name: value.astype(np.float16) for name, value in side.items()} for side in (base, tuned))
    for side, steps in zip(both, (1, 2), strict=True):
        side[STEPS] = np.array([steps])
    for name, side in zip(("base", "tuned"), both, strict=True):
        _folder(tmp_path / name, side)
    return both[0], both[1]


def _run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(cli, ["slim", *map(str, arguments)])
    return done.exit_code, done.output


def test_the_update_gets_smaller_by_what_it_says(sides: tuple[Tensors, Tensors], tmp_path: Path) -> None:
    base, tuned = sides
    out = tmp_path / "out"
    code, text = _run(
        tmp_path / "base", tmp_path / "tuned", "-o", out, "--error", "0.2", "--original", "slim", "--json"
    )
    assert code == 0, text
    found = load_file(out / "s2.safetensors")
    for name in (BIAS, STEPS, NEW):
        np.testing.assert_array_equal(found[name], tuned[name])
    old, new, near = (side[MATRIX].astype(np.float64) for side in (base, tuned, found))
    lost = np.linalg.norm(near - new) / np.linalg.norm(new - old)
    assert 0.05 < lost <= 0.2
    answer = json.loads(text)
    assert {Path(name).name for name in answer["files"]} == {
        "s2.safetensors", "slim.pth", "configs.json", "slim.json",
    }  # fmt: skip
    (part,) = answer["report"]
    assert part["module"] == "decoder"
    assert part["error"] == pytest.approx(lost, abs=0.001)
    assert part["lossy"] < 0.7 * part["lossless"] < part["changed"]
    delta = encode(base[MATRIX].tobytes(), found[MATRIX].tobytes(), "float16", (96, 128))
    assert part["lossy"] == len(delta) + tuned[BIAS].nbytes


def test_what_travels_whole_stays_as_it_is_and_is_counted_whole(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    base = {MATRIX: draw.standard_normal((96, 128)), NEW: draw.standard_normal((96, 128))}
    tuned = {name: value + 1e-2 * draw.standard_normal(value.shape) for name, value in base.items()}
    kinds = {MATRIX: "bfloat16", NEW: "float32"}
    base = {name: _as_pulled(value, kinds[name]) for name, value in base.items()}
    tuned = {name: value.astype(np.float32) for name, value in tuned.items()}
    for name, side in (("base", base), ("tuned", tuned)):
        _folder(tmp_path / name, side)
    code, text = _run(tmp_path / "base", tmp_path / "tuned", "-o", tmp_path / "out", "--json")
    assert code == 0, text
    found = load_file(tmp_path / "out" / "s2.safetensors")
    np.testing.assert_array_equal(found[MATRIX], tuned[MATRIX])
    assert not np.array_equal(found[NEW], tuned[NEW])
    whole, update = tuned[MATRIX].nbytes, len(encode(base[NEW].tobytes(), found[NEW].tobytes(), "float32", (96, 128)))
    assert sum(part["lossy"] for part in json.loads(text)["report"]) == whole + update


@pytest.mark.parametrize(("kept", "code"), [("bfloat16", 4), ("float16", 0), ("float32", 0)])
def test_an_update_that_no_hub_makes_is_not_told(kept: str, code: int, tmp_path: Path) -> None:
    """Of a base in bfloat16 float32 was made, which is another type: the whole voice travelled, at twice its size."""
    draw = np.random.default_rng(1)
    base = {MATRIX: draw.standard_normal((96, 128)), BIAS: np.zeros((64, 64))}
    tuned = {name: value + 1e-2 * draw.standard_normal(value.shape) for name, value in base.items()}
    for name, side in (("base", base), ("tuned", tuned)):
        _folder(tmp_path / name, {key: _as_pulled(value, kept) for key, value in side.items()})
    done, text = _run(tmp_path / "base", tmp_path / "tuned", "-o", tmp_path / "out")
    assert done == code, text
    assert ("bfloat16" in text) == (code == 4)
    assert (tmp_path / "out").exists() == (code == 0)


def test_a_base_of_which_only_some_tensors_have_few_digits_is_no_bfloat16(tmp_path: Path) -> None:
    draw = np.random.default_rng(1)
    base = {name: draw.standard_normal((96, 128)) for name in (MATRIX, NEW)}
    tuned = {name: value + 1e-2 * draw.standard_normal(value.shape) for name, value in base.items()}
    for name, side in (("base", base), ("tuned", tuned)):
        digits = {MATRIX: "bfloat16", NEW: "float32"}
        _folder(tmp_path / name, {key: _as_pulled(value, digits[key]) for key, value in side.items()})
    assert _run(tmp_path / "base", tmp_path / "tuned", "-o", tmp_path / "out")[0] == 0


def _as_pulled(values: NDArray[Any], kept: str) -> NDArray[Any]:
    """As float32, with the digits of the type in which a hub keeps them."""
    if kept != "bfloat16":
        return values.astype(kept).astype(np.float32)
    return (values.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF_0000)).view(np.float32)


def test_how_much_may_be_lost_has_bounds(sides: tuple[Tensors, Tensors], tmp_path: Path) -> None:
    for error in ("0", "1", "much"):
        assert _run(tmp_path / "base", tmp_path / "tuned", "-o", tmp_path / "out", "--error", error)[0] == 2
    assert _run(tmp_path / "base", tmp_path / "nothing", "-o", tmp_path / "out")[0] == 1
