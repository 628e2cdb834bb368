"""From the objects of a version back to files: the original `.ckpt`/`.pth` pair, or safetensors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voicehub.cache import plain
from voicehub.errors import Missing, NotFound, Unreadable
from voicehub.models import Tensor, Version

if TYPE_CHECKING:
    from numpy.typing import NDArray

BlobPath = Callable[[str], Path]
STAGES = ("s1", "s2")


def write_original(version: Version, blob: BlobPath, folder: Path) -> list[Path]:
    """Writes the pair that the original program loads, in the precision that was pushed; bfloat16 as float32.

    A manifest may have made its place a link to an object: the link is replaced, and so it is with safetensors.
    """
    from gptsovits.formats.checkpoint_writer import HEADS, ConfigStyle, write_checkpoint

    stem = plain(version.name)
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{version.owner}/{version.name}@{version.id}"
    pair = folder / f"{stem}.ckpt", folder / f"{stem}.pth"
    written = []
    for stage, path in zip(STAGES, pair, strict=True):
        tensors = stage_tensors(version, stage, blob)
        if tensors:
            head = HEADS.get(_kind(version), "PK") if stage == "s2" else "PK"
            style: ConfigStyle = "hparams" if stage == "s2" else "plain"
            written.append(
                write_checkpoint(path, tensors, _config(version, stage), info, head=head, config_style=style)
            )
    return _some(written, version)


def write_safetensors(version: Version, blob: BlobPath, folder: Path) -> list[Path]:
    """Writes `s1.safetensors`, `s2.safetensors` and `configs.json`."""
    try:
        from safetensors.numpy import save_file
    except ImportError as error:
        raise Missing("Writing safetensors needs a package.", hint="pip install 'voicehub[local]'") from error
    from gptsovits.whole import replacing, write_whole

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for stage in STAGES:
        tensors = stage_tensors(version, stage, blob)
        if tensors:
            written.append(folder / f"{stage}.safetensors")
            with replacing(written[-1]) as beside:
                save_file(tensors, beside)
    configs = json.dumps(version.configs, ensure_ascii=False, indent=1)
    write_whole(folder / "configs.json", configs)
    return _some(written, version)


def stage_tensors(version: Version, stage: str, blob: BlobPath) -> dict[str, NDArray[Any]]:
    """The tensors of `s1` or `s2` by their original names."""
    prefix = f"{stage}/"
    return {t.name.removeprefix(prefix): _array(t, blob) for t in version.tensors if t.name.startswith(prefix)}


def _array(tensor: Tensor, blob: BlobPath) -> NDArray[Any]:
    from gptsovits.formats.kept import tensor_of  # late: most commands start without numpy, a quarter sooner

    try:
        return tensor_of(blob(tensor.digest).read_bytes(), tensor.dtype, tensor.shape)
    except (TypeError, ValueError) as error:
        hint = "Tell the hub's operator."
        raise Unreadable(f"The manifest misstates the tensor {tensor.name}: {error}.", hint=hint) from error


def _config(version: Version, stage: str) -> dict[str, Any]:
    return dict(whole_numbers(version.configs.get(stage) or {}))


def whole_numbers(value: Any) -> Any:
    """The same value with whole floats as integers: on their way through the hub's JSON all numbers become floats."""
    if isinstance(value, dict):
        return {key: whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [whole_numbers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _kind(version: Version) -> Any:
    return version.family


def _some(written: list[Path], version: Version) -> list[Path]:
    if not written:
        raise NotFound(f"{version.owner}/{version.name} has no tensors.", hint="Pull another version or format.")
    return written
