"""A version as the base of a job: its tensors, and the rest of the shipped base, are a base folder again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from gptsovits.nano.base import load_base
from gptsovits.pipeline.training import shipped_base
from services.common.errors import Unprocessable
from services.common.objects import Area, ObjectStore, open_store
from services.stubs.voicehub.catalog.v1.catalog_pb2 import Version
from services.stubs.voicehub.common.v1.common_pb2 import Tensor
from services.trainer.based import make_base, manifest
from services.trainer.merging.worker import Tensors

MOVED = "model.ar_predict_layer.weight"


def version_of(objects: ObjectStore, shift: float) -> Version:
    """The shipped voice as a scanned version, with one tensor moved."""
    listed = []
    for stage in ("s1", "s2"):
        for name, value in load_file(shipped_base() / f"{stage}.safetensors").items():
            own = value + np.asarray(shift, value.dtype) if name == MOVED else value
            info = objects.put(Area.SERVED, [np.ascontiguousarray(own).tobytes()])
            shape, dtype = own.shape, str(own.dtype)
            listed.append(Tensor(name=f"{stage}/{name}", dtype=dtype, shape=shape, digest=info.digest, size=info.size))
    return Version(id="v", owner="ana", name="reader", family="nano", tensors=listed)


def test_the_base_of_a_version_is_the_version(tmp_path: Path) -> None:
    objects = open_store(f"file://{tmp_path / 'objects'}")
    digest = manifest(objects, version_of(objects, 0.25))
    base = make_base(objects, digest, tmp_path / "job")
    assert make_base(objects, digest, tmp_path / "job") == base
    loaded, shipped = load_base(base), load_base(shipped_base())
    one, other = loaded.voice.s1.state_dict(), shipped.voice.s1.state_dict()
    moved = one[MOVED] - other[MOVED]
    assert torch.allclose(moved, torch.full_like(moved, 0.25), atol=2e-3)
    for name, value in shipped.voice.s2.state_dict().items():
        assert torch.equal(loaded.voice.s2.state_dict()[name], value), name
    assert manifest(objects, version_of(objects, 0.25)) == digest


def test_a_version_in_bfloat16_is_a_base_too(tmp_path: Path) -> None:
    """And merged: numpy has no such type, and both ended with a traceback."""
    objects, bits = open_store(f"file://{tmp_path / 'objects'}"), np.array([0x3F80, 0x4000], "<u2").tobytes()
    kept = objects.put(Area.SERVED, [bits])
    one = Tensor(name="s1/a", dtype="bfloat16", shape=[2], digest=kept.digest, size=kept.size)
    version = Version(id="v", owner="ana", name="reader", family="nano", tensors=[one])
    base = make_base(objects, manifest(objects, version), tmp_path / "job")
    assert load_file(base / "s1.safetensors")["a"].tolist() == [1.0, 2.0]
    (tmp_path / kept.digest).write_bytes(bits)
    listed = [{"name": one.name, "dtype": one.dtype, "shape": [2], "digest": one.digest}]
    assert Tensors(listed, tmp_path)["s1/a"].tolist() == [1.0, 2.0]


def test_what_cannot_be_tuned_here_is_refused(tmp_path: Path) -> None:
    objects = open_store(f"file://{tmp_path / 'objects'}")
    for version in (Version(owner="ana", name="big", family="v2"), Version(owner="ana", name="new", family="nano")):
        with pytest.raises(Unprocessable) as refused:
            manifest(objects, version)
        assert refused.value.reason == "NOT_TUNABLE"


def test_a_manifest_that_names_a_tensor_twice_is_refused(tmp_path: Path) -> None:
    objects = open_store(f"file://{tmp_path / 'objects'}")
    version = version_of(objects, 0.0)
    version.tensors.append(version.tensors[0])
    with pytest.raises(Unprocessable, match="twice"):
        make_base(objects, manifest(objects, version), tmp_path / "job")
