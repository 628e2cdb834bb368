"""Values of a form that comes as JSON or as a query: texts that mean numbers and switches."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from services.common.errors import Invalid

_STREAMING = {"false": 0, "true": 1, "0": 0, "1": 1, "2": 2, "3": 3}
_MOST = 2**31 - 1


class Values:
    """The given fields; a field without a value counts as not given."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = {name: value for name, value in given.items() if value not in (None, "")}

    def required(self, name: str) -> str:
        """A text that must be there."""
        if name not in self._given:
            raise Invalid(f"{name} is required", hint="See /openapi.json for the fields.", fields={name: "is missing"})
        return str(self._given[name])

    def refuse(self, name: str, hint: str) -> None:
        """A field that is not possible here; an empty one does no harm."""
        if self._given.get(name):
            raise Invalid(f"{name} is not supported.", hint=hint, fields={name: "must be left out"})

    def text(self, name: str, usual: str) -> str:
        """A text."""
        return str(self._given.get(name, usual))

    def number(self, name: str, usual: float) -> float:
        """A finite number."""
        try:
            value = float(self._given.get(name, usual))
        except (TypeError, ValueError, OverflowError) as error:  # a whole number may have 4,000 digits
            raise _no_number(name) from error
        if not math.isfinite(value):
            raise _no_number(name)
        return value

    def above_zero(self, name: str, usual: float) -> float:
        """A finite number above 0: to the services 0 means that nothing was said."""
        value = self.number(name, usual)
        if value <= 0:
            raise _no_number(name)
        return value

    def integer(self, name: str, usual: int) -> int:
        """A whole number of 32 bits."""
        value = self.number(name, usual)
        if value != int(value) or abs(value) > _MOST:
            raise _no_number(name)
        return int(value)

    def streaming_mode(self) -> int:
        """0 to 3; `true` is 1."""
        value = str(self._given.get("streaming_mode", 0)).lower()
        if value not in _STREAMING:
            hint = "Use 0, 1, 2, 3, true or false."
            raise Invalid("streaming_mode is not known.", hint=hint, fields={"streaming_mode": hint})
        return _STREAMING[value]


def _no_number(name: str) -> Invalid:
    return Invalid(f"{name} is no number that is possible here.", hint="Leave it out.", fields={name: "no number"})
