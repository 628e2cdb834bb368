"""Number types of stored weights. Names are those of the safetensors format, or of torch where it has none.

numpy has no bfloat16; such arrays are widened to float32, which is exact, while digests and rebuilt bytes keep the 16
bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class ElementType:
    """A stored element: its name, numpy type of the raw bits, bytes per element."""

    name: str
    raw: np.dtype[Any]

    @property
    def size(self) -> int:
        """Bytes per element."""
        return int(self.raw.itemsize)


BY_NAME: dict[str, ElementType] = {
    name: ElementType(name, np.dtype(raw))
    for name, raw in {
        "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "|i1",
        "U8": "|u1", "BOOL": "|b1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "F8_E4M3": "|u1", "F8_E5M2": "|u1",
        "F8_E4M3FNUZ": "|u1", "F8_E5M2FNUZ": "|u1", "F8_E8M0": "|u1", "C64": "<c8", "C128": "<c16",
    }.items()
}  # fmt: skip

TORCH_STORAGES: dict[str, ElementType] = {
    "DoubleStorage": BY_NAME["F64"],
    "FloatStorage": BY_NAME["F32"],
    "HalfStorage": BY_NAME["F16"],
    "BFloat16Storage": BY_NAME["BF16"],
    "LongStorage": BY_NAME["I64"],
    "IntStorage": BY_NAME["I32"],
    "ShortStorage": BY_NAME["I16"],
    "CharStorage": BY_NAME["I8"],
    "ByteStorage": BY_NAME["U8"],
    "BoolStorage": BY_NAME["BOOL"],
    "ComplexFloatStorage": BY_NAME["C64"],
    "ComplexDoubleStorage": BY_NAME["C128"],
}
STORAGES: dict[tuple[str, str], ElementType] = {
    **{("torch", name): element for name, element in TORCH_STORAGES.items()},
    ("torch.storage", "UntypedStorage"): BY_NAME["U8"],
}
"""Classes of storages; one without a type is bytes, and the tensor on it says what they are."""
UNTYPED: dict[str, ElementType] = {
    "uint16": BY_NAME["U16"],
    "uint32": BY_NAME["U32"],
    "uint64": BY_NAME["U64"],
    "float8_e4m3fn": BY_NAME["F8_E4M3"],
    "float8_e5m2": BY_NAME["F8_E5M2"],
    "float8_e4m3fnuz": BY_NAME["F8_E4M3FNUZ"],
    "float8_e5m2fnuz": BY_NAME["F8_E5M2FNUZ"],
    "float8_e8m0fnu": BY_NAME["F8_E8M0"],
    **{
        name: ElementType(name, np.dtype(raw))
        for name, raw in {
            "float4_e2m1fn_x2": "|u1", "complex32": "<u4", "bcomplex32": "<u4", "bits8": "|u1", "bits1x8": "|u1",
            "bits2x4": "|u1", "bits4x2": "|u1", "bits16": "<u2",
        }.items()
    },
}  # fmt: skip
"""Types of torch that have no storage class of their own, by the name of their ``torch.dtype``."""
TORCH_TYPES = frozenset(
    {"float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64"}
    | {"complex128", "double", "float", "half", "long", "int", "short", "cfloat", "cdouble", *UNTYPED}
)
"""Names of ``torch.dtype`` values, which a file may mention."""

FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
READABLE = frozenset(name for name in BY_NAME if not name.startswith("F8_"))
"""Types whose numbers can be read here; of the others (8-bit and smaller floats, say) there are only the bits."""


def widen(array: Array, element: ElementType) -> Array:
    """The array as usable numbers: bfloat16 bits become float32, everything else is returned unchanged."""
    if element.name != "BF16":
        return array
    return (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
