"""Protobuf messages as the API's JSON: proto field names, integers as numbers, enums lower case without prefix."""

from __future__ import annotations

from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct

from services.common.errors import Invalid
from services.gateway.rest.schema import Field, enum_name, map_value


def to_json(message: Message) -> dict[str, Any]:
    """The JSON object of a message. Scalars are always there, messages only when set."""
    answer: dict[str, Any] = {}
    for field in message.DESCRIPTOR.fields:
        if field.message_type is not None and not field.is_repeated and not message.HasField(field.name):
            continue
        answer[field.name] = _value(field, getattr(message, field.name))
    return answer


def to_struct(value: dict[str, Any], path: str) -> Struct:
    """A free JSON object as a Struct; Invalid names `path` when it cannot be one (numbers beyond double, too deep)."""
    try:
        return ParseDict(value, Struct())
    except (ParseError, OverflowError, RecursionError, ValueError) as error:
        raise Invalid(
            f"{path} holds a value that cannot be kept.",
            hint="Use plain numbers, texts, lists and objects, not nested too deep.",
            fields={path: "cannot be kept"},
        ) from error


def _value(field: Field, value: Any) -> Any:
    inner = map_value(field)
    if inner is not None:
        return {str(key): _single(inner, value[key]) for key in sorted(value)}
    return [_single(field, item) for item in value] if field.is_repeated else _single(field, value)


def _single(field: Field, value: Any) -> Any:
    if field.message_type is not None:
        well_known = field.message_type.file.package == "google.protobuf"
        return MessageToDict(value) if well_known else to_json(value)
    return enum_name(field, value) if field.enum_type is not None else value
