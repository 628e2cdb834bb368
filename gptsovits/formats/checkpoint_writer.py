"""Writes original-compatible ``.ckpt`` and ``.pth`` files: same input, same bytes; numpy only."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gptsovits.formats.kinds import Kind
from gptsovits.formats.pickle_writer import PickleWriter, as_bag
from gptsovits.whole import replacing

HEADS: Mapping[Kind, str] = {"v2Pro": "05", "v2ProPlus": "06"}
"""First two bytes that the original itself writes; every other kind keeps ``PK``."""
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
ConfigStyle = Literal["plain", "hparams"]


def write_checkpoint(
    path: Path,
    tensors: Mapping[str, NDArray[Any]],
    config: Mapping[str, Any],
    info: str,
    *,
    head: str = "PK",
    config_style: ConfigStyle = "plain",
    precision: Literal["half", "single"] | None = None,
) -> Path:
    """Writes ``{weight, config, info}``; whatever ends the writing, ``path`` holds all of it or what it held before.

    ``head`` replaces the first two bytes; ``config_style`` "hparams" writes the bag class of fine-tuned stage-2 files
    (``torch.load(weights_only=True)`` accepts only "plain"); ``precision`` converts floating-point tensors, None
    keeps them.
    """
    if len(head) != 2 or not head.isascii():
        raise ValueError(f"the version head is two ASCII characters, not {head!r}")
    weights = {name: _converted(value, precision) for name, value in tensors.items()}
    writer = PickleWriter()
    settings = as_bag(config) if config_style == "hparams" else config
    content = writer.finish({"weight": weights, "config": settings, "info": info})
    with replacing(path) as beside:
        _write_archive(beside, content, writer.arrays)
        with beside.open("r+b") as file:
            file.write(head.encode())
    return path


def distributed(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Stage-2 tensors as distributed files hold them: without the posterior encoder."""
    return {name: value for name, value in tensors.items() if "enc_q" not in name}


def _write_archive(path: Path, pickled: bytes, arrays: list[NDArray[Any]]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:

        def put(name: str, data: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(f"archive/{name}", ZIP_EPOCH), data)

        put("data.pkl", pickled)
        put("byteorder", b"little")
        for index, array in enumerate(arrays):
            put(f"data/{index}", array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        put("version", b"3\n")


def _converted(value: NDArray[Any], precision: Literal["half", "single"] | None) -> NDArray[Any]:
    if precision is None or not np.issubdtype(value.dtype, np.floating):
        return np.asarray(value)
    return value.astype(np.float16 if precision == "half" else np.float32)
