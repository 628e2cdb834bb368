"""JSON objects as protobuf's `Struct`, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct, Value

from services.common.errors import Invalid


def from_struct(struct: Struct) -> dict[str, Any]:
    """A JSON object; whole numbers come back as int, as they were before `Struct` made doubles of them.

    Raises Invalid for what JSON cannot write: infinities and not-a-number.
    """
    return {key: _plain(value) for key, value in struct.fields.items()}


def to_struct(values: Mapping[str, Any]) -> Struct:
    """A `Struct` of a JSON object."""
    struct = Struct()
    json_format.ParseDict(dict(values), struct)
    return struct


def _plain(value: Value) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return from_struct(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "number_value":
        return _number(value.number_value)
    return None if kind in (None, "null_value") else getattr(value, kind)


def _number(value: float) -> int | float:
    if not math.isfinite(value):
        raise Invalid("A number is not finite.", hint="Leave out figures that are infinite or not a number.")
    return int(value) if value.is_integer() else value
