"""A version as the base of a training job: fine-tuning on from what somebody made, instead of from the shipped base.

The job's `base` is then the digest of a manifest in quarantine, which lists the version's tensors; a worker makes a
base folder from it and from what the version's own base adds (content encoder, sentences to rehearse).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

import gptsovits
from gptsovits.formats.kept import tensor_of
from services.common.errors import Unprocessable
from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.stubs.voicehub.catalog.v1 import catalog_pb2

SHIPPED = Path(gptsovits.__file__).parent / "bases" / "nano"
FAMILY = "nano"
STAGES = ("s1", "s2")
TAKEN = ("base.json", "content.safetensors", "content.onnx", "replay.safetensors")
"""Files of the shipped base that are not the voice's own."""
MOST_BYTES = 1 << 20


def manifest(objects: ObjectStore, version: catalog_pb2.Version) -> str:
    """Stores what a worker needs to begin at the version; its digest.

    Raises:
        Unprocessable: the version is of a family that is not tuned here, or not scanned yet.
    """
    if version.family != FAMILY or not version.tensors:
        raise Unprocessable(
            f"{version.owner}/{version.name} is of the family {version.family or 'not known yet'}.",
            hint=f"This hub fine-tunes voices of the family {FAMILY}; wait until the version is published.",
            reason="NOT_TUNABLE",
        )
    listed = [
        {"name": t.name, "dtype": t.dtype, "shape": list(t.shape), "digest": t.digest, "size": t.size}
        for t in version.tensors
    ]
    said = {"version": version.id, "tensors": listed}
    return objects.put(Area.QUARANTINE, [json.dumps(said, sort_keys=True).encode()]).digest


def make_base(objects: ObjectStore, digest: str, folder: Path) -> Path:
    """The base folder of a manifest below `folder`; made once.

    Raises:
        KeyError: there is no such manifest, or an object of it is gone.
        Unprocessable: it names a tensor twice.
    """
    base = folder / "base"
    if base.is_dir():
        return base
    with objects.open(Area.QUARANTINE, digest) as stream:
        told = json.loads(stream.read(MOST_BYTES))
    names = [t["name"] for t in told["tensors"]]
    if len(set(names)) < len(names):
        raise Unprocessable("The base of this job names a tensor twice.", hint="Train again with another base.")
    partial = folder / "base.part"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name in TAKEN:
        if (SHIPPED / name).exists():
            shutil.copyfile(SHIPPED / name, partial / name)
    for stage in STAGES:
        own = [t for t in told["tensors"] if t["name"].startswith(f"{stage}/")]
        tensors = {t["name"].removeprefix(f"{stage}/"): _tensor(objects, t) for t in own}
        save_file(tensors, partial / f"{stage}.safetensors")
    partial.rename(base)
    return base


def _tensor(objects: ObjectStore, told: dict[str, Any]) -> np.ndarray[Any, Any]:
    with objects.open(Area.SERVED, told["digest"]) as stream:
        content = b"".join(chunks_of(stream))
    return tensor_of(content, told["dtype"], told["shape"])
