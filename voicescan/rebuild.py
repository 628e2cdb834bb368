"""What is served is written anew: validated tensors in canonical order with digests, and validated settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from blake3 import blake3

from voicescan.checkpoint import Checkpoint
from voicescan.dtypes import Array
from voicescan.findings import Finding, Refused, deciding
from voicescan.health import check_numbers
from voicescan.kinds import Identity, check_layout, identify
from voicescan.settings import Settings, validate
from voicescan.tensors import StoredTensor, TensorMap

_THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True)
class TensorEntry:
    """A tensor's place in a manifest.

    Element type (name of safetensors, else of torch), shape, bytes, BLAKE3-256 of the row-major bytes (hex).
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int
    digest: str


@dataclass(frozen=True)
class Rebuilt:
    """Validated content. ``stored`` is in canonical order (by name); ``stripped`` says what was left behind."""

    stored: dict[str, StoredTensor]
    entries: tuple[TensorEntry, ...]
    config: dict[str, object]
    info: str
    head: str
    extra: dict[str, object]
    identity: Identity
    stripped: tuple[str, ...]

    @property
    def tensors(self) -> Mapping[str, Array]:
        """Name to array in canonical order."""
        return TensorMap(self.stored)

    @property
    def digests(self) -> dict[str, str]:
        """Name to BLAKE3-256 (hex) of the raw bytes."""
        return {entry.name: entry.digest for entry in self.entries}


@dataclass(frozen=True)
class Examined:
    """Everything a checkpoint's content says.

    What it is, its settings, and findings about layout, settings and numbers.
    """

    identity: Identity
    settings: Settings
    findings: tuple[Finding, ...]


def examine(checkpoint: Checkpoint, entry: str = "file") -> Examined:
    """Identify the model and validate layout, settings and numbers."""
    identity = identify(checkpoint.stored, checkpoint.config, checkpoint.head)
    settings = validate(checkpoint.config, entry, nano=identity.family == "nano")
    findings = [*check_layout(checkpoint.stored, identity, entry), *settings.findings]
    return Examined(identity, settings, (*findings, *check_numbers(checkpoint.stored, entry)))


def rebuild(checkpoint: Checkpoint) -> Rebuilt:
    """The validated content of a checkpoint. Raises ``Refused`` with every reason."""
    examined = examine(checkpoint)
    reasons = deciding((*checkpoint.findings, *examined.findings))
    if reasons:
        raise Refused(reasons)
    stored = {name: checkpoint.stored[name] for name in sorted(checkpoint.stored)}
    return Rebuilt(
        stored=stored,
        entries=entries_of(stored),
        config=examined.settings.config,
        info=checkpoint.info,
        head=checkpoint.head,
        extra=checkpoint.extra,
        identity=examined.identity,
        stripped=(*checkpoint.stripped, *examined.settings.dropped),
    )


def entries_of(stored: Mapping[str, StoredTensor]) -> tuple[TensorEntry, ...]:
    """Manifest entries; digests are taken on several threads."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return tuple(pool.map(_entry, stored.values()))


def _entry(tensor: StoredTensor) -> TensorEntry:
    raw = tensor.raw()
    shape = tuple(int(size) for size in tensor.bits.shape)
    return TensorEntry(tensor.name, tensor.element.name, shape, raw.nbytes, blake3(raw).hexdigest())
