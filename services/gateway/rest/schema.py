"""JSON schemas (draft 2020-12) of requests and answers: written once, used for the document and for checking."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

Schema = Mapping[str, Any]
Field: TypeAlias = Any  # a FieldDescriptor: its two implementations share no type
FREE_OBJECT: Schema = {"type": "object"}
_WELL_KNOWN: Mapping[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Struct": FREE_OBJECT,
}
_INTEGERS = (
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_INT32,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_UINT32,
)


def record(required: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None) -> Schema:
    """An object with these properties and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def text(most: int, *, least: int = 1, pattern: str = "", note: str = "") -> Schema:
    """A string of `least` to `most` characters."""
    schema: dict[str, Any] = {"type": "string", "minLength": least, "maxLength": most}
    return schema | ({"pattern": pattern} if pattern else {}) | ({"description": note} if note else {})


def number(least: float, most: float, *, kind: str = "integer", note: str = "") -> Schema:
    """An integer (or `kind="number"`) within bounds."""
    return {"type": kind, "minimum": least, "maximum": most} | ({"description": note} if note else {})


def choice(*values: str) -> Schema:
    """One of these strings."""
    return {"type": "string", "enum": list(values)}


def listing(items: Schema, *, most: int | None = None, least: int = 0) -> Schema:
    """An array."""
    schema: dict[str, Any] = {"type": "array", "items": items, "minItems": least}
    return schema | ({"maxItems": most} if most is not None else {})


def page_of(items: Schema, **more: Schema) -> Schema:
    """A page of a list: `items` and the cursor of the next page, empty at the end."""
    properties = {"items": listing(items), "next_cursor": {"type": "string"}, **more}
    return {"type": "object", "properties": properties, "required": list(properties)}


def reference(descriptor: Descriptor) -> Schema:
    """A reference to the component that `components` makes of a message type."""
    return _WELL_KNOWN.get(descriptor.full_name) or {"$ref": f"#/components/schemas/{descriptor.name}"}


def components(descriptors: list[Descriptor]) -> dict[str, Schema]:
    """Component schemas of message types and of all they mention, by their short names."""
    made: dict[str, Schema] = {}
    waiting = list(descriptors)
    while waiting:
        descriptor = waiting.pop()
        if descriptor.name in made or descriptor.full_name in _WELL_KNOWN:
            continue
        made[descriptor.name] = _message(descriptor)
        waiting += [f.message_type for f in descriptor.fields if f.message_type and map_value(f) is None]
    return dict(sorted(made.items()))


def enum_name(field: Field, value: int) -> str:
    """An enum value as the API writes it: without its prefix, in lower case."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", field.enum_type.name).upper() + "_"
    known = field.enum_type.values_by_number.get(value)
    return known.name.removeprefix(prefix).lower() if known else "unspecified"


def _message(descriptor: Descriptor) -> Schema:
    always = [f.name for f in descriptor.fields if f.message_type is None or f.is_repeated]
    return {"type": "object", "properties": {f.name: _field(f) for f in descriptor.fields}, "required": always}


def _field(field: Field) -> Schema:
    inner = map_value(field)
    if inner is not None:
        return {"type": "object", "additionalProperties": _single(inner)}
    return listing(_single(field)) if field.is_repeated else _single(field)


def _single(field: Field) -> Schema:
    if field.message_type is not None:
        return reference(field.message_type)
    if field.enum_type is not None:
        return choice(*(enum_name(field, number) for number in field.enum_type.values_by_number))
    if field.type in _INTEGERS:
        return {"type": "integer"}
    kinds = {FieldDescriptor.TYPE_BOOL: "boolean", FieldDescriptor.TYPE_DOUBLE: "number"}
    return {"type": kinds.get(field.type, "string")}


def map_value(field: Field) -> Field | None:
    """The field of the values of a map field; None for any other field."""
    is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
    return field.message_type.fields_by_name["value"] if is_map else None


def _whole_pattern(_: object, pattern: str, instance: object, __: Schema) -> Iterator[ValidationError]:
    # ECMA's `$` does not match before a final newline, Python's does
    if isinstance(instance, str) and not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), instance):
        yield ValidationError("does not have the right form")


def _is_integer(_: object, instance: object) -> bool:
    # JSON Schema counts 5.0 as an integer, protobuf does not
    return isinstance(instance, int) and not isinstance(instance, bool)


Validator = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {"pattern": _whole_pattern},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)


def violations(schema: Schema, instance: object) -> dict[str, str]:
    """What is wrong with an instance: sentences by path (`files.0.role`); empty when it is right."""
    found: dict[str, str] = {}
    for error in Validator(schema).iter_errors(instance):
        path = ".".join(str(step)[:64] for step in error.absolute_path)
        found.setdefault(path or "body", _sentence(error))
        if len(found) >= 20:
            break
    return found


def _sentence(error: ValidationError) -> str:
    limit = error.validator_value
    sentences = {
        "type": f"must be of type {limit}",
        "minLength": f"must have at least {limit} characters",
        "maxLength": f"must have at most {limit} characters",
        "minimum": f"must be at least {limit}",
        "maximum": f"must be at most {limit}",
        "minItems": f"must have at least {limit} items",
        "maxItems": f"must have at most {limit} items",
        "enum": f"must be one of {limit}",
        "required": "lacks "
        + ", ".join(str(n) for n in (limit if isinstance(limit, list) else []) if n not in _keys(error)),
        "additionalProperties": f"has unknown properties: {', '.join(_unknown(error))}",
        "pattern": f"must match {_of(error, 'pattern')}{f' ({note})' if (note := _of(error, 'description')) else ''}",
    }
    return sentences.get(str(error.validator), "is not valid")


def _of(error: ValidationError, key: str) -> Any:
    return error.schema.get(key) if isinstance(error.schema, dict) else None


def _unknown(error: ValidationError) -> list[str]:
    """The keys of an object that its schema does not name: the first three, each cut."""
    known = _of(error, "properties") or {}
    return [name[:64] for name in _keys(error) if name not in known][:3]


def _keys(error: ValidationError) -> tuple[str, ...]:
    return tuple(error.instance) if isinstance(error.instance, dict) else ()
