"""A GPT-SoVITS checkpoint read without running anything: tensors, plain settings, and what else the file held."""

from __future__ import annotations

import mmap
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicescan.contents import parts_of, storages_in
from voicescan.dtypes import Array
from voicescan.findings import Finding, Place, Refused, deciding
from voicescan.limits import MAX_FILE
from voicescan.rules import encodable, found, printable, refuse
from voicescan.safetensors import config_of, looks_like_safetensors, read_safetensors
from voicescan.tensors import StorageBytes, StoredTensor, TensorMap, materialise
from voicescan.torch_legacy import TorchLegacy, looks_legacy, read_legacy
from voicescan.torch_zip import TorchZip, read_torch_zip, require_root
from voicescan.zip_directory import looks_like_zip, read_directory

Container = Literal["torch-zip", "torch-legacy", "torch-tar", "safetensors"]


@dataclass(frozen=True)
class Checkpoint:
    """The content of a model file.

    ``stored`` keeps element types and raw bits; ``stripped`` lists what is not carried on.
    """

    stored: dict[str, StoredTensor]
    config: dict[str, object]
    info: str
    head: str
    container: Container
    extra: dict[str, object]
    stripped: tuple[str, ...]
    findings: tuple[Finding, ...]

    @property
    def tensors(self) -> Mapping[str, Array]:
        """Name to array, in file order; arrays are read-only views of the file where that is possible."""
        return TensorMap(self.stored)


def open_view(source: str | os.PathLike[str] | bytes) -> memoryview:
    """Read-only bytes of a file (memory-mapped, no link followed blindly) or of an object. Raises ``Refused``."""
    if isinstance(source, bytes):
        return memoryview(source)
    place = Place(encodable(str(source)))
    try:
        # Opening a pipe would otherwise wait for someone to write into it.
        with open(os.open(source, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise refuse("unreadable-file", place, "it is not a regular file")
            size = status.st_size
            if size > MAX_FILE:
                raise refuse("unreadable-file", place, f"{size} bytes are more than {MAX_FILE}")
            if size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        raise refuse("unreadable-file", place, getattr(error, "strerror", None) or str(error)) from error


def read_checkpoint(source: str | os.PathLike[str] | bytes) -> Checkpoint:
    """Read a ``.ckpt``, ``.pth`` or safetensors file of any head and precision; nothing in it is executed.

    Raises ``Refused`` with every finding if anything in the file is not on the allow-list or cannot be read to its end.
    """
    checkpoint = read_view(open_view(source), "file" if isinstance(source, bytes) else Path(source).name)
    reasons = deciding(checkpoint.findings)
    if reasons:
        raise Refused(reasons)
    return checkpoint


def read_view(view: memoryview, entry: str, verify: bool = True) -> Checkpoint:
    """Like ``read_checkpoint`` on bytes, with findings in the result as long as there is one. Raises ``Refused``."""
    if looks_like_zip(view):
        directory = read_directory(view, entry)
        return from_torch(read_torch_zip(view, directory, require_root(directory, entry), entry, verify), "torch-zip")
    if looks_legacy(view, entry):
        return from_torch(read_legacy(view, entry), "torch-legacy")
    if looks_like_safetensors(view):
        return from_safetensors(view, entry)
    raise refuse("unknown-format", Place(entry), f"it begins with {bytes(view[:8]).hex()}")


def from_safetensors(view: memoryview, entry: str) -> Checkpoint:
    """A checkpoint from a safetensors file; settings come from its metadata."""
    read = read_safetensors(view, entry)
    config = config_of(read.metadata, entry)
    left = [key for key in read.metadata if key not in ("config", "info", "head", "format")]
    stripped = tuple(printable(f"metadata {key}") for key in left)
    return Checkpoint(
        read.tensors, config, read.metadata.get("info", ""), "PK", "safetensors", {}, stripped, read.findings
    )


def from_torch(container: TorchZip | TorchLegacy, kind: Container) -> Checkpoint:
    """A checkpoint from the abstract value of a torch container."""
    findings = list(container.findings)
    top = container.parsed.value
    head = container.head if isinstance(container, TorchZip) else "PK"
    try:
        if not container.parsed.complete:
            raise refuse("structure", Place(container.entry), "a saved object that does not end")
        parts = parts_of(top, container.entry)
        stored, wrong = materialise(parts.weights, parts.aside, container.storage, container.entry)
        findings += wrong + _unused(container)
    except Refused as refused:
        raise Refused([*findings, *refused.findings]) from refused
    return Checkpoint(stored, parts.config, parts.info, head, kind, parts.extra, parts.stripped, tuple(findings))


def _unused(container: TorchZip | TorchLegacy) -> list[Finding]:
    """Storages that nothing in the object refers to."""
    spare = sorted(set(container.storages) - storages_in(container.parsed.value).keys())
    return [found("storage-unused", Place(container.entry), f"storage {key}") for key in spare[:8]]


__all__ = ["Checkpoint", "StorageBytes", "from_torch", "open_view", "read_checkpoint", "read_view"]
