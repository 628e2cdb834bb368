"""Pulled weights are those that were pushed, of every type that a hub takes."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file

from voicehub.cli.main import cli
from voicehub.tests.hub import Hub
from voicescan import read_checkpoint

TYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool")
"""What the scanner's worker sends."""


@pytest.mark.parametrize("form", ["original", "safetensors"])
def test_a_voice_of_any_type_comes_back(hub: Hub, tmp_path: Path, form: str) -> None:
    """One in bfloat16 was published and spoken, but could not be pulled: the hub's operator was to be told."""
    pushed, listed = OrderedDict(), []
    for name in TYPES:
        pushed[name] = torch.tensor([[0.0, 1.0, 2.5], [7.0, 40.0, 0.375]]).to(getattr(torch, name))
        content = pushed[name].view(torch.uint8).numpy().tobytes()
        one = {"name": f"s2/{name}", "dtype": name, "shape": [2, 3], "digest": hub.add(content), "size": len(content)}
        listed.append(one)
    hub.json["/v1/repos/ann/tale/versions/main"] = {
        "id": "b" * 32, "owner": "ann", "name": "tale", "state": "published", "family": "v2", "tensors": listed,
    }  # fmt: skip
    hub.json["/v1/bases"] = {"items": []}
    run = CliRunner().invoke(
        cli, ["pull", "ann/tale", "--format", form, "--into", str(tmp_path / "mine"), "--hub", hub.url]
    )
    assert run.exit_code == 0, run.output
    if form == "original":
        pulled = read_checkpoint(tmp_path / "mine" / "original" / "tale.pth").tensors
    else:
        pulled = load_file(tmp_path / "mine" / "safetensors" / "s2.safetensors")
    for name, tensor in pushed.items():
        expected = tensor.float().numpy() if name == "bfloat16" else tensor.numpy()
        assert pulled[name].dtype == expected.dtype
        assert np.array_equal(pulled[name], expected)
