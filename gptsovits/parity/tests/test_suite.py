"""The small recordings are met, and the command says so when something differs or was not run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from gptsovits.parity.__main__ import main
from gptsovits.parity.fill import fill
from gptsovits.parity.misc import misc_cases
from gptsovits.parity.recordings import Group, read_manifest
from gptsovits.parity.stage1 import stage1_cases
from gptsovits.parity.stage2 import inference_cases, load_network

torch.set_num_threads(1)
GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden"


def _group(file: str) -> Group:
    return Group(GOLDEN, file, read_manifest(GOLDEN)["files"][file])


def test_small_stage_1_equals_the_recordings() -> None:
    lines = list(stage1_cases(_group("small/s1_cases.safetensors")))
    assert len(lines) == 17
    assert not [line.line() for line in lines if line.status not in ("equal", "input")]


def test_small_stage_2_inference_equals_the_recordings() -> None:
    group = _group("small/s2_cases.safetensors")
    lines = list(inference_cases(group, load_network(group)))
    assert len(lines) == 19
    assert not [line.line() for line in lines if line.status not in ("equal", "input")]


def test_signal_sampler_quantiser_optimiser_and_slicer_equal_the_recordings() -> None:
    lines = list(misc_cases(_group("small/misc_cases.safetensors")))
    assert len(lines) == 42
    assert not [line.line() for line in lines if line.status not in ("equal", "input")]


def _copy_of_sampler(folder: Path, shift: float) -> Path:
    stored = load_file(GOLDEN / "small" / "misc_cases.safetensors")
    kept = {name: value for name, value in stored.items() if name.startswith("sampler")}
    kept["sampler.case2/probs"] = kept["sampler.case2/probs"] + np.float32(shift)
    expected = json.loads((GOLDEN / "small" / "expected.json").read_text())
    (folder / "small").mkdir()
    save_file(kept, folder / "small" / "misc_cases.safetensors")
    (folder / "small" / "expected.json").write_text(json.dumps({"sampler_params": expected["sampler_params"]}))
    return folder


def _manifest(folder: Path, cases: list[str]) -> None:
    content: dict[str, object] = {"files": {"small/misc_cases.safetensors": {name: {} for name in cases}}}
    (folder / "manifest.json").write_text(json.dumps(content))


CASES = ["sampler", *(f"sampler.case{index}" for index in range(5))]


def test_exit_status_0_when_all_is_equal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _manifest(_copy_of_sampler(tmp_path, 0.0), CASES)
    assert main([str(tmp_path)]) == 0
    assert "5 equal" in capsys.readouterr().out


def test_exit_status_1_and_the_case_when_something_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _manifest(_copy_of_sampler(tmp_path, 0.01), CASES)
    assert main([str(tmp_path)]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("exceeds")]
    assert "sampler.case2" in line
    assert "1.00e-02" in line


def test_exit_status_3_when_a_case_was_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _manifest(_copy_of_sampler(tmp_path, 0.0), [*CASES, "novelty"])
    assert main([str(tmp_path)]) == 3
    assert "novelty" in capsys.readouterr().out


def test_exit_status_3_when_there_are_no_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 3
    assert "manifest.json" in capsys.readouterr().err


def test_fill_rule_meets_its_recorded_samples() -> None:
    checks = json.loads((GOLDEN / "full" / "expected.json").read_text())["fill_check"]
    recorded = checks["enc_p.proj.weight"]
    values = fill("enc_p.proj.weight", tuple(recorded["shape"]))
    np.testing.assert_array_equal(values.ravel()[:8], np.array(recorded["first8"], np.float32))
