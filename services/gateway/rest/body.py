"""Reading JSON bodies: strict, bounded, and never further than a schema has looked."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from services.common.errors import Invalid
from services.gateway.rest.route import JSON_LIMIT, JSON_TYPE
from services.gateway.rest.schema import Schema, violations

DEPTH = 24
_HALF_PAIR = re.compile("[\ud800-\udfff]")
HINT = "Check the body against /openapi.json."


def read_json(request: Request, schema: Schema) -> tuple[dict[str, Any], bytes]:
    """The JSON body, valid against `schema`, and its bytes.

    Raises:
        UnsupportedMediaType: not application/json, or compressed.
        RequestEntityTooLarge: more than `JSON_LIMIT` bytes.
        Invalid: not JSON, not UTF-8, too deep, or against the schema; fields say where.
    """
    if request.mimetype != JSON_TYPE or request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    if (request.content_length or 0) > JSON_LIMIT:
        raise RequestEntityTooLarge
    raw = request.get_data(cache=False)
    value = parse(raw)
    wrong = violations(schema, value)
    if wrong:
        first = next(iter(sorted(wrong.items())))
        raise Invalid(f"{first[0]} {first[1]}.", hint=_mend(first[0]), reason="INVALID_BODY", fields=wrong)
    return value, raw


def parse(raw: bytes) -> Any:
    """Strict JSON: UTF-8, no NaN, no key twice, no NUL, no half surrogates, at most `DEPTH` levels."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_unique)
        _check(value, DEPTH)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _BadJson) else "it is not valid JSON in UTF-8"
        raise Invalid(f"The body cannot be read: {reason}.", hint=HINT, reason="INVALID_JSON") from error
    return value


def _mend(path: str) -> str:
    """What to do about a value that the schema refuses: people of the command line never wrote a body."""
    return HINT if path == "body" else f"Give another {path} and try again; /openapi.json has the form of it all."


class _BadJson(ValueError):
    """JSON that a lenient reader would take."""


def _no_constant(name: str) -> NoReturn:
    raise _BadJson(f"{name} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _BadJson("a key is there twice")
    return value


def _check(value: Any, depth: int) -> None:
    if depth == 0:
        raise _BadJson("it is nested too deep")
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check(item, depth - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth - 1)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise _BadJson("a number is too large")


def _check_text(text: str) -> None:
    if "\x00" in text:
        raise _BadJson("a text holds a NUL character")
    if _HALF_PAIR.search(text):
        raise _BadJson("a text holds half a surrogate pair")
