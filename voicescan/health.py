"""Whether weights are healthy numbers.

Finite and of sane size. Works on the bits, in bounded chunks, without copies of tensors.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from voicescan.dtypes import Array
from voicescan.findings import Finding, Place
from voicescan.limits import MAX_ABSOLUTE_WEIGHT
from voicescan.rules import found
from voicescan.tensors import StoredTensor

_CHUNK = 1 << 20
_TRAINING_BUFFERS = ("._codebook.cluster_size", "._codebook.embed_avg")
_MAX_FINDINGS = 8

# Element type: unsigned view, sign mask, bits of infinity, bits of the largest sane magnitude. Magnitudes of IEEE 754
# numbers order
# like their bits without the sign.
_BITS = {
    "F16": (np.uint16, 0x7FFF, 0x7C00, 0x7BFF),
    "BF16": (np.uint16, 0x7FFF, 0x7F80, int(np.float32(MAX_ABSOLUTE_WEIGHT).view(np.uint32)) >> 16),
    "F32": (np.uint32, 0x7FFF_FFFF, 0x7F80_0000, int(np.float32(MAX_ABSOLUTE_WEIGHT).view(np.uint32))),
    "F64": (
        np.uint64, 0x7FFF_FFFF_FFFF_FFFF, 0x7FF0_0000_0000_0000, int(np.float64(MAX_ABSOLUTE_WEIGHT).view(np.uint64)),
    ),
}  # fmt: skip


def check_numbers(tensors: Mapping[str, StoredTensor], entry: str) -> list[Finding]:
    """Findings for weights that are not finite or absurdly large; statistics that only training uses give none."""
    findings: list[Finding] = []
    for name, tensor in tensors.items():
        if tensor.element.name not in _BITS or name.endswith(_TRAINING_BUFFERS):
            continue
        rule = _ailment(tensor)
        if rule:
            findings.append(found(rule, Place(entry), name))
        if len(findings) == _MAX_FINDINGS:
            break
    return findings


def _ailment(tensor: StoredTensor) -> str | None:
    unsigned, mask, infinite, sane = _BITS[tensor.element.name]
    largest = 0
    for chunk in _chunks(tensor.bits):
        largest = max(largest, int((chunk.view(unsigned) & unsigned(mask)).max()))
    if largest >= infinite:
        return "weights-not-finite"
    return "weights-absurd" if largest > sane else None


def _chunks(bits: Array) -> list[Array]:
    flat = bits.reshape(-1) if bits.flags.c_contiguous else np.ascontiguousarray(bits).reshape(-1)
    return [flat[start : start + _CHUNK] for start in range(0, flat.size, _CHUNK)]
