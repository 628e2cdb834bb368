"""Generic mutations of requests, made from the OpenAPI document: nothing here knows a single route."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

Json = Any
HUGE_TEXT = "声" * 30_000
TEXTS = (
    "",
    " ",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "a\u0000b",
    "\u202egnp.exe",
    "🎙️" * 40,
    "'; DROP TABLE accounts; --",
    "{{7*7}}${7*7}",
    "a\nb",
    HUGE_TEXT,
)
SEGMENTS = (
    "..",
    "%2e%2e",
    "..%2f..%2fetc%2fpasswd",
    "%00",
    "%ff%fe",
    "a%0d%0aSet-Cookie:%20x=1",
    "%F0%9F%8E%99",
    "'%20OR%201=1--",
    "%252e%252e",
    "%E2%80%AE",
    "x" * 3000,
)
VALUES: tuple[Json, ...] = (None, True, -1, 10**30, 1.5, [], {}, [[]], {"a": {"b": [1]}})
QUERIES = ('"', "*", "NEAR(a b", "a OR", "-", "a:b", "(", "\\", "🎙", "\u0000", "a" * 501, "粤语 AND (", "%", "_")


@dataclass(frozen=True)
class Shot:
    """One request, as it goes over the wire."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    what: str = ""

    def with_json(self, value: Json, what: str) -> Shot:
        """The same request with another JSON body."""
        text = json.dumps(value)
        return replace(
            self, body=text.encode(), headers={**self.headers, "Content-Type": "application/json"}, what=what
        )


@dataclass(frozen=True)
class Operation:
    """One operation of the document and values that are right for its parameters."""

    method: str
    template: str
    spec: Mapping[str, Any]
    known: Mapping[str, Json]

    def valid(self) -> Shot:
        """A request as the document wants it."""
        path = self.template
        for name in self._names("path"):
            path = path.replace(f"{{{name}}}", quote(str(self.known.get(name, "x")), safe=""))
        shot = Shot(self.method, path, what="valid")
        schema = self.json_schema()
        return shot.with_json(example(schema, self.known), "valid") if schema else shot

    def json_schema(self) -> Mapping[str, Any] | None:
        """The schema of the JSON body."""
        content = self.spec.get("requestBody", {}).get("content", {})
        schema: Mapping[str, Any] | None = content.get("application/json", {}).get("schema")
        return schema

    def shots(self) -> Iterator[Shot]:
        """All mutations."""
        valid = self.valid()
        yield from self._paths(valid)
        yield from self._queries(valid)
        yield from self._headers(valid)
        yield from self._bodies(valid)

    def _names(self, place: str) -> list[str]:
        return [p["name"] for p in self.spec.get("parameters", ()) if p["in"] == place]

    def _paths(self, valid: Shot) -> Iterator[Shot]:
        for name in self._names("path"):
            for segment in SEGMENTS:
                path = self.template.replace(f"{{{name}}}", segment)
                for other in self._names("path"):
                    path = path.replace(f"{{{other}}}", quote(str(self.known.get(other, "x")), safe=""))
                yield replace(valid, path=path, what=f"path {name}={segment[:30]}")
        yield replace(valid, path=valid.path + "/", what="trailing slash")

    def _queries(self, valid: Shot) -> Iterator[Shot]:
        for name in self._names("query"):
            for value in (*QUERIES, "-1", "0", "1e3", "9" * 40):
                yield replace(valid, path=f"{valid.path}?{name}={quote(value)}", what=f"query {name}={value[:30]!r}")
        yield replace(valid, path=valid.path + "?%ff=%00&&==&a[]=1", what="query noise")

    def _headers(self, valid: Shot) -> Iterator[Shot]:
        for name in (*self._names("header"), "Authorization", "Range", "traceparent", "Last-Event-ID"):
            for value in ("", "-1", "9" * 400, "bytes=9-1", "x" * 300, "\xe9\xff"):
                yield replace(valid, headers={**valid.headers, name: value}, what=f"header {name}={value[:20]!r}")

    def _bodies(self, valid: Shot) -> Iterator[Shot]:
        schema = self.json_schema()
        if schema is None:
            yield replace(valid, body=b"x" * 100, what="a body where none belongs")
            return
        yield from _raw_bodies(valid)
        good = json.loads(valid.body)
        for path, value in _leaves(good):
            for bad in (*VALUES, *(TEXTS if isinstance(value, str) else TEXTS[:4])):
                yield valid.with_json(_put(good, path, bad), f"body {'.'.join(map(str, path))}={str(bad)[:30]!r}")
        for name in good:
            yield valid.with_json({k: v for k, v in good.items() if k != name}, f"body without {name}")
        yield valid.with_json({**good, "__proto__": {"admin": True}}, "body with an unknown property")


def example(schema: Mapping[str, Any], known: Mapping[str, Json], name: str = "") -> Json:
    """A value of a schema, from `known` by property name where there is one."""
    if name in known:
        return known[name]
    if "enum" in schema:
        return schema["enum"][0]
    if schema.get("type") == "object":
        required = schema.get("required", ())
        return {key: example(schema["properties"][key], known, key) for key in required}
    if schema.get("type") == "array":
        return [example(schema["items"], known, name)] * schema.get("minItems", 0)
    if schema.get("type") in ("integer", "number"):
        return schema.get("minimum", 1)
    return False if schema.get("type") == "boolean" else "x" * max(schema.get("minLength", 1), 1)


def _raw_bodies(valid: Shot) -> Iterator[Shot]:
    bomb = gzip.compress(b" " * (64 << 20), 9)
    raw: dict[str, bytes] = {
        "empty": b"",
        "null": b"null",
        "list": b"[]",
        "text": b'"x"',
        "truncated": valid.body[: len(valid.body) // 2],
        "not UTF-8": b"\xff\xfe" + valid.body,
        "UTF-16": valid.body.decode().encode("utf-16"),
        "NaN": b'{"name": NaN}',
        "half a surrogate": b'{"name": "\\ud800"}',
        "twice": b'{"name": "a", "name": "b"}',
        "deep": b'{"a":' * 3000 + b"1" + b"}" * 3000,
        "long number": b'{"a":' + b"9" * 6000 + b"}",
        "large": b" " * (1 << 20) + valid.body,
    }
    for what, body in raw.items():
        yield replace(valid, body=body, what=f"body {what}")
    types = {"form": "application/x-www-form-urlencoded", "multipart": "multipart/form-data; boundary=x", "none": ""}
    for what, kind in types.items():
        yield replace(valid, headers={**valid.headers, "Content-Type": kind}, what=f"content type {what}")
    packed = {**valid.headers, "Content-Encoding": "gzip"}
    yield replace(valid, body=bomb, headers=packed, what="zip bomb")


def _leaves(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key), inner
        yield from _leaves(inner, (*path, key))


def _put(whole: Json, path: tuple[str | int, ...], value: Json) -> Json:
    changed = deepcopy(whole)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed
