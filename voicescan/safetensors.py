"""A strict reader of safetensors files.

Source: the format description of the safetensors project: u64 header length, JSON header, then the bytes of all
tensors without
holes or overlaps. Refused here beyond that: duplicate keys, unknown types, absurd shapes and metadata that is not
short text.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np

from voicescan.documents import parse_json
from voicescan.dtypes import BY_NAME
from voicescan.findings import Finding, Place, Refused
from voicescan.limits import MAX_DIMENSIONS, MAX_SAFETENSORS_HEADER, MAX_TENSORS
from voicescan.plain import Plainer
from voicescan.rules import found, refuse
from voicescan.tensors import StoredTensor

_RULE = "safetensors-header"
_MAX_METADATA = 256
_MAX_EXTENT = 1 << 48


@dataclass(frozen=True)
class Safetensors:
    """Tensors by name in file order, the metadata, and what is wrong."""

    tensors: dict[str, StoredTensor]
    metadata: dict[str, str]
    findings: tuple[Finding, ...]


def looks_like_safetensors(view: memoryview) -> bool:
    """Whether the bytes begin with a length and a JSON object."""
    if len(view) < 10:
        return False
    return view[8] == 0x7B and int.from_bytes(view[:8], "little") < 1 << 40


def read_safetensors(view: memoryview, entry: str) -> Safetensors:
    """Validate the header and map the tensors. Raises ``Refused``."""
    place = Place(entry, 0)
    size = int.from_bytes(view[:8], "little")
    if size > MAX_SAFETENSORS_HEADER or 8 + size > len(view):
        raise refuse(_RULE, place, f"a header of {size} bytes")
    header = _header(bytes(view[8 : 8 + size]), entry)
    metadata = header.pop("__metadata__", {})
    if not _is_metadata(metadata):
        raise refuse(_RULE, place, "metadata that is not short text")
    data = view[8 + size :]
    spans: list[tuple[int, int, str]] = []
    tensors = {name: _tensor(name, item, data, spans, place) for name, item in header.items()}
    _check_spans(spans, len(data), place)
    assert isinstance(metadata, dict)
    marked = [key for key, text in metadata.items() if _is_markup(key + text)]
    findings = [found("document", place, f"metadata {key[:40]}") for key in marked]
    return Safetensors(tensors, metadata, tuple(findings))


def _header(raw: bytes, entry: str) -> dict[str, object]:
    try:
        header = parse_json(raw, entry, MAX_SAFETENSORS_HEADER)
    except Refused as refused:
        raise refuse(_RULE, Place(entry, 8), refused.findings[0].message_en) from refused
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        raise refuse(_RULE, Place(entry, 8), "not a table of tensors")
    return header


def _is_metadata(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MAX_METADATA
        and all(isinstance(text, str) and len(text) <= 1 << 20 for text in value.values())
    )


def _is_markup(text: str) -> bool:
    """Metadata is shown on pages; markup has no business in it."""
    lowered = text.lower()
    return any(sign in lowered for sign in ("<script", "javascript:", "<img", "<iframe", "onerror=", "<svg"))


def _tensor(name: str, item: object, data: memoryview, spans: list[tuple[int, int, str]], place: Place) -> StoredTensor:
    if not isinstance(item, dict) or set(item) != {"dtype", "shape", "data_offsets"} or not name or len(name) > 256:
        raise refuse(_RULE, place, f"the record of {name[:80]}")
    element = BY_NAME.get(item["dtype"]) if isinstance(item["dtype"], str) else None
    shape, offsets = item["shape"], item["data_offsets"]
    if element is None or not _naturals(shape, MAX_DIMENSIONS) or not _naturals(offsets, 2) or len(offsets) != 2:
        raise refuse(_RULE, place, f"type, shape or place of {name[:80]}")
    start, end = offsets
    if not start <= end <= len(data) or end - start != math.prod(shape) * element.size:
        raise refuse(_RULE, place, f"the size of {name[:80]}")
    if math.prod(filter(None, shape)) >= _MAX_EXTENT:
        raise refuse(_RULE, place, f"the shape of {name[:80]}")
    spans.append((start, end, name))
    bits = np.frombuffer(data[start:end], dtype=element.raw).reshape(shape)
    return StoredTensor(name, element, bits)


def _naturals(value: object, longest: int) -> bool:
    if not isinstance(value, list) or len(value) > longest:
        return False
    return all(type(item) is int and 0 <= item < _MAX_EXTENT for item in value)


def _check_spans(spans: list[tuple[int, int, str]], size: int, place: Place) -> None:
    position = 0
    for start, end, name in sorted(spans):
        if start != position:
            raise refuse(_RULE, place, f"a hole or an overlap before {name[:80]}")
        position = end
    if position != size:
        raise refuse(_RULE, place, f"{size - position} bytes behind the last tensor")


def config_of(metadata: dict[str, str], entry: str) -> dict[str, object]:
    """The settings kept as JSON under ``config``; empty if there are none. Raises ``Refused``."""
    text = metadata.get("config", "")
    if not text.lstrip().startswith("{"):
        return {}
    value = parse_json(text.encode(), f"{entry}!config")
    if not isinstance(value, dict):
        raise refuse("config", Place(f"{entry}!config"), "it is not a table")
    Plainer(Place(f"{entry}!config")).check(value)
    return value


def header_bytes(header: dict[str, object]) -> bytes:
    """A header as its padded JSON with the leading length."""
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
