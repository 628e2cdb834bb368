"""Tensors as views on the bytes of their storages."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from voicescan.dtypes import READABLE, Array, ElementType, widen
from voicescan.findings import Finding, Place, Refused
from voicescan.limits import MAX_TENSORS
from voicescan.rules import found, refuse
from voicescan.values import Pairs, Storage, TensorRef

_MAX_TENSOR_NAME = 256
_MAX_SHARING = 4
_SMALL = 1 << 20

StorageBytes = Callable[[str], memoryview | None]


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor with its stored element type; ``bits`` is the array of raw elements (uint16 for bfloat16)."""

    name: str
    element: ElementType
    bits: Array

    @property
    def array(self) -> Array:
        """The numbers; bfloat16 widened to float32.

        Raises ``Refused`` where there are only bits: taken for numbers, they would be others, and nobody would see it.
        """
        if self.element.name not in READABLE:
            raise refuse("weights-type", Place(self.name), f"{self.name} ({self.element.name})")
        return widen(self.bits, self.element)

    def raw(self) -> memoryview:
        """The bytes in row-major order; a copy only where the stored tensor is strided."""
        return np.ascontiguousarray(self.bits).reshape(-1).view(np.uint8).data


class TensorMap(Mapping[str, Array]):
    """Name to array, made on access; nothing is copied but strided and bfloat16 tensors.

    Access raises ``Refused`` for a tensor whose type has no numbers here.
    """

    def __init__(self, stored: Mapping[str, StoredTensor]) -> None:
        self.stored = stored

    def __getitem__(self, name: str) -> Array:
        return self.stored[name].array

    def __iter__(self) -> Iterator[str]:
        return iter(self.stored)

    def __len__(self) -> int:
        return len(self.stored)


def materialise(
    weights: Pairs, aside: Iterable[TensorRef], storage_bytes: StorageBytes, entry: str
) -> tuple[dict[str, StoredTensor], list[Finding]]:
    """The tensors of a state dict, in file order, and what is wrong with those that were left out.

    Tensors ``aside`` (an optimizer's, say) are checked like the others, because a loader would make them too.
    """
    place = Place(entry)
    named = weights.text_items()
    if named is None or len(named) > MAX_TENSORS:
        raise refuse("structure", place, "weights without a name, or named twice")
    tensors: dict[str, StoredTensor] = {}
    findings: list[Finding] = []
    used, stored = 0, _Storages(storage_bytes, entry)
    for name, value in named.items():
        try:
            tensors[name] = _tensor(name, value, stored, entry)
        except Refused as refused:
            findings += refused.findings
            continue
        used += tensors[name].bits.nbytes
    for ref in aside:
        try:
            _tensor("aside", ref, stored, entry)
        except Refused as refused:
            findings += refused.findings
    if used > _MAX_SHARING * stored.size + _SMALL:
        findings.append(found("bomb", place, f"{stored.size} bytes of storage unfold to {used}"))
    return tensors, findings


class _Storages:
    """Storages by key, each looked up once, with the agreed number and type of elements."""

    def __init__(self, storage_bytes: StorageBytes, entry: str) -> None:
        self._bytes = storage_bytes
        self._entry = entry
        self._known: dict[str, tuple[ElementType, int, Array]] = {}
        self.size = 0

    def get(self, storage: Storage) -> Array:
        """All elements of the storage. Raises ``Refused`` if size or type are not what the bytes are."""
        place = Place(self._entry, storage.offset)
        numel = storage.numel if storage.root_numel is None else storage.root_numel
        if storage.key in self._known:
            element, known_numel, array = self._known[storage.key]
            if (element, known_numel) != (storage.element, numel):
                raise refuse("storage-size", place, f"storage {storage.key} is declared in two ways")
            return array
        data = self._bytes(storage.key)
        if data is None:
            raise refuse("storage-missing", place, f"storage {storage.key}")
        if len(data) != numel * storage.element.size:
            raise refuse("storage-size", place, f"storage {storage.key}: {len(data)} bytes for {numel} numbers")
        array = np.frombuffer(data, dtype=storage.element.raw)
        self._known[storage.key] = (storage.element, numel, array)
        self.size += len(data)
        return array


def _tensor(name: str, value: object, storages: _Storages, entry: str) -> StoredTensor:
    if not isinstance(value, TensorRef):
        raise refuse("structure", Place(entry), f"{name[:80]} is not a weight")
    place = Place(entry, value.offset)
    if not 0 < len(name) <= _MAX_TENSOR_NAME or not name.isascii() or not name.isprintable():
        raise refuse("structure", place, f"weight name {name[:80]}")
    elements, end = storages.get(value.storage), value.storage.start + value.storage.numel
    if value.element != value.storage.element:  # bytes that the tensor gives a type
        end //= value.element.size
        elements = elements[: end * value.element.size].view(value.element.raw)
    count = math.prod(value.shape)
    last = value.start + sum((size - 1) * step for size, step in zip(value.shape, value.strides, strict=True))
    if count == 0 and value.start <= end and math.prod(filter(None, value.shape)) < 1 << 31:
        return StoredTensor(name, value.element, np.empty(value.shape, value.element.raw))
    if count > max(_MAX_SHARING * len(elements), _SMALL >> 4) or last >= end:
        raise refuse("tensor-shape", place, f"{name}: {value.shape} on {end - value.storage.start} numbers")
    bits = np.lib.stride_tricks.as_strided(
        elements[value.start :],
        shape=value.shape,
        strides=tuple(step * value.element.size for step in value.strides),
        writeable=False,
    )
    return StoredTensor(name, value.element, bits)
