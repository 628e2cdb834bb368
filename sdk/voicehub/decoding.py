"""From JSON objects to frozen dataclasses, by their annotations."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from voicehub.errors import Unreadable

T = TypeVar("T")


def decode(kind: type[T], data: object) -> T:
    """The dataclass `kind` from a JSON object; absent keys take their defaults, unknown keys are left out.

    Raises:
        Unreadable: `data` is not an object, a value has another type, or a required key is absent.
    """
    if not isinstance(data, Mapping):
        raise Unreadable(f"The hub's answer is no {kind.__name__}.", hint="Is the address that of a VoiceHub?")
    hints = typing.get_type_hints(kind)
    names = [f.name for f in dataclasses.fields(cast(Any, kind))]
    try:
        return kind(**{name: _value(hints[name], data[name]) for name in names if data.get(name) is not None})
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        message = f"The hub's answer is no {kind.__name__}: {error}."
        raise Unreadable(message, hint="Is the address that of a VoiceHub?") from error


def _value(hint: Any, value: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _value(next(a for a in arguments if a is not type(None)), value)
    if origin is tuple:
        return tuple(_value(arguments[0], item) for item in value)
    if dataclasses.is_dataclass(hint):
        return decode(cast(type[Any], hint), value)
    if hint is datetime:
        return parse_time(value)
    return hint(value) if hint in (int, float, str, bool) else value


def parse_time(value: str) -> datetime:
    """An RFC 3339 time as an aware `datetime` in UTC."""
    return datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(UTC)


def encode(value: Any) -> Any:
    """The JSON form of dataclasses, tuples, mappings and times: the opposite of `decode`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(k): encode(v) for k, v in value.items()}
    return [encode(v) for v in value] if isinstance(value, (tuple, list)) else value
