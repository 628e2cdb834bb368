"""Directories of the same layout with other sizes: equal, one value changed, one case that cannot be run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gptsovits.parity.__main__ import main
from gptsovits.parity.tests.other_sizes import write_recordings

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("recordings") / "all")


def test_all_is_equal(recordings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main([str(recordings)])
    out = capsys.readouterr().out
    assert status == 0, out
    assert "20 equal, 8 input" in out


def _copy(recordings: Path, target: Path, file: str) -> Path:
    """Only one file of cases, so that the rest does not run again."""
    shutil.copytree(recordings, target)
    shutil.rmtree(target / "checkpoints")
    listed = json.loads((target / "manifest.json").read_text())["files"][file]
    (target / "manifest.json").write_text(json.dumps({"files": {file: listed}}))
    return target


@pytest.mark.parametrize(
    ("file", "tensor"),
    [("ruled/s2.safetensors", "s2.decode.speed1.5/wav"), ("other/s1_cases.safetensors", "s1.text_embed/out"),
     ("other/s1_cases.safetensors", "s1.infer.batch2_greedy/tokens1")],
)  # fmt: skip
def test_a_changed_value_exits_1_and_names_the_case(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, tensor: str
) -> None:
    root = _copy(recordings, tmp_path / "copy", file)
    tensors = load_file(root / file)
    tensors[tensor].ravel()[-1] += 1
    save_file(tensors, root / file)
    assert main([str(root)]) == 1
    exceeding = [line for line in capsys.readouterr().out.splitlines() if line.startswith("exceeds")]
    assert [tensor.split("/")[0] in line for line in exceeding] == [True]


def test_a_case_without_its_tensors_exits_3_and_the_others_still_run(
    recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = "ruled/s2.safetensors"
    root = _copy(recordings, tmp_path / "copy", file)
    tensors = {name: value for name, value in load_file(root / file).items() if not name.startswith("s2.ref_enc/")}
    save_file(tensors, root / file)
    assert main([str(root)]) == 3
    out = capsys.readouterr().out
    assert "not run  ruled/s2: s2.ref_enc" in out
    assert "5 equal, 2 input, 1 not run" in out
