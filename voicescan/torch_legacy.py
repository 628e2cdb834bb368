"""The format of ``torch.save`` before 1.6: five pickles in a row, then the raw storages.

Order: magic number, protocol version, system facts, the object, the storage keys; then for every key an int64 count
and the elements.
"""

from __future__ import annotations

from dataclasses import dataclass

from voicescan.contents import storages_in
from voicescan.findings import Finding, Place, Refused
from voicescan.pickles import Parsed, hides_pickle_within, read_one
from voicescan.rules import found, refuse
from voicescan.values import Collection, Pairs, Storage

MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MAX_STORAGES = 20_000


@dataclass(frozen=True)
class TorchLegacy:
    """The object's pickle and the storages by key."""

    parsed: Parsed
    entry: str
    storages: dict[str, memoryview]
    findings: tuple[Finding, ...]

    def storage(self, key: str) -> memoryview | None:
        """The bytes of a storage, None if it is missing."""
        return self.storages.get(key)


def looks_legacy(view: memoryview, entry: str) -> bool:
    """Whether the file begins with the magic number."""
    return len(view) > 0 and view[0] == 0x80 and read_one(view[:64], entry).value == MAGIC


def read_legacy(view: memoryview, entry: str) -> TorchLegacy:
    """Follow the five pickles and lay out the storages. What was found before a defect is kept in the ``Refused``."""
    findings: list[Finding] = []
    position, values, parsed = 0, [], []
    for _ in range(5):
        one = read_one(view[position:], entry, position)
        findings += one.findings
        if not one.complete:
            raise Refused(findings)
        parsed.append(one)
        values.append(one.value)
        position += one.end
    if values[1] != _PROTOCOL or not isinstance(values[2], Pairs):
        findings.append(found("structure", Place(entry), "not the header of a saved torch object"))
    system = values[2].text_items() if isinstance(values[2], Pairs) else None
    if not system or system.get("little_endian") is not True:
        findings.append(found("structure", Place(entry), "numbers that are not little-endian"))
    try:
        storages, position = _storages(view, position, values[4], storages_in(values[3]), entry)
    except Refused as refused:
        raise Refused([*findings, *refused.findings]) from refused
    if position != len(view):
        findings.append(found("pickle-trailing", Place(entry, position), f"{len(view) - position} bytes"))
    for key, data in storages.items():
        hidden = hides_pickle_within(data)
        if hidden:
            findings.append(found("pickle-hidden", Place(f"{entry}!{key}"), hidden))
    return TorchLegacy(parsed[3], entry, storages, tuple(findings))


def _storages(
    view: memoryview, position: int, keys: object, known: dict[str, Storage], entry: str
) -> tuple[dict[str, memoryview], int]:
    if not isinstance(keys, Collection) or len(keys.items) > _MAX_STORAGES:
        raise refuse("structure", Place(entry, position), "no list of storages")
    storages: dict[str, memoryview] = {}
    for key in keys.items:
        storage = known.get(key) if isinstance(key, str) else None
        if storage is None or storage.key in storages:
            raise refuse("storage-unused", Place(entry, position), f"storage {str(key)[:40]}")
        count = int.from_bytes(view[position : position + 8], "little")
        end = position + 8 + count * storage.element.size
        if end > len(view):
            raise refuse("storage-missing", Place(entry, position), f"storage {storage.key} is cut off")
        storages[storage.key] = view[position + 8 : end]
        position = end
    return storages, position
