"""Written checkpoints load in torch without code execution, unchanged, and are the same bytes every time."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from gptsovits.formats.checkpoint_writer import distributed, write_checkpoint

CONFIG: dict[str, Any] = {
    "model": {"version": "v2", "rates": [10, 8], "empty": [], "big": 2**40},
    "flag": True,
    "rate": 1e-4,
    "no": None,
}
TENSORS: dict[str, NDArray[Any]] = {
    "half": np.arange(6, dtype=np.float16).reshape(2, 3),
    "single": np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 3, 4),
    "long": np.array([-1, 2**40], np.int64),
    "scalar": np.array(3.5, np.float32),
    "none": np.zeros((0, 4), np.float32),
}


@pytest.mark.parametrize("head", ["PK", "00", "01", "02", "03", "04", "05", "06"])
def test_torch_loads_what_was_written_without_running_code(tmp_path: Path, head: str) -> None:
    path = write_checkpoint(tmp_path / "a.pth", TENSORS, CONFIG, "8epoch_128iteration", head=head)
    data = path.read_bytes()
    assert data[:2] == head.encode()
    loaded = torch.load(io.BytesIO(b"PK" + data[2:]), weights_only=True)
    assert loaded["config"] == CONFIG
    assert loaded["info"] == "8epoch_128iteration"
    for name, value in TENSORS.items():
        assert loaded["weight"][name].numpy().dtype == value.dtype
        np.testing.assert_array_equal(loaded["weight"][name].numpy(), value)


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_checkpoint(tmp_path / "a.ckpt", TENSORS, CONFIG, "GPT-e15").read_bytes()
    assert first == write_checkpoint(tmp_path / "b.ckpt", TENSORS, CONFIG, "GPT-e15").read_bytes()


def test_a_bag_is_refused_by_the_strict_loader_and_names_its_class(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pth", TENSORS, CONFIG, "x", config_style="hparams")
    with pytest.raises(Exception, match=r"utils\.HParams"):
        torch.load(path, weights_only=True)


def test_precision_converts_only_floating_tensors(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.pth", TENSORS, CONFIG, "x", precision="half")
    weights = torch.load(path, weights_only=True)["weight"]
    assert weights["single"].dtype == torch.float16
    assert weights["long"].dtype == torch.int64


def test_distributed_files_have_no_posterior_encoder() -> None:
    assert list(distributed({"enc_q.pre.weight": TENSORS["half"], "dec.x": TENSORS["half"]})) == ["dec.x"]


@pytest.mark.parametrize("head", ["", "P", "abc", "é1"])
def test_a_wrong_head_is_refused(tmp_path: Path, head: str) -> None:
    with pytest.raises(ValueError, match="two ASCII"):
        write_checkpoint(tmp_path / "a.pth", TENSORS, CONFIG, "x", head=head)


def test_foreign_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold a set"):
        write_checkpoint(tmp_path / "a.pth", TENSORS, {"x": {1, 2}}, "x")
    with pytest.raises(TypeError, match="complex"):
        write_checkpoint(tmp_path / "a.pth", {"x": np.zeros(1, complex)}, CONFIG, "x")


def test_a_write_that_ends_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    old = write_checkpoint(tmp_path / "a.pth", TENSORS, CONFIG, "x", head="05").read_bytes()
    full_disk = (
        "import resource, sys, numpy\n"
        "from pathlib import Path\n"
        "from gptsovits.formats.checkpoint_writer import write_checkpoint\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "write_checkpoint(Path(sys.argv[1]), {'w': numpy.zeros(1 << 20, numpy.float32)}, {}, 'x', head='05')\n"
    )
    ended = subprocess.run([sys.executable, "-c", full_disk, str(tmp_path / "a.pth")], capture_output=True, check=False)
    assert b"File too large" in ended.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]
    assert (tmp_path / "a.pth").read_bytes() == old
