"""The OpenAPI 3.1 document, made from the routes that are served: it cannot say what the code does not do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from services.gateway.rest.problems import MEDIA_TYPE
from services.gateway.rest.route import JSON_TYPE, Parameter, Route
from services.gateway.rest.schema import Schema, components

VERSION = "1.0.0"
PROBLEM: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong."},
        "hint": {"type": "string", "description": "What to do."},
        "reason": {"type": "string"},
        "fields": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["type", "title", "status", "detail", "hint"],
}
_IDEMPOTENCY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "Same key and body: the same answer again. Same key, other body: 422; still under way: 409.",
}
_ABOUT = (
    "Voices like code: push, scan, search, audition, pull. Lists have `items` and `next_cursor`. Errors are"
    " problem documents (RFC 9457) with a `hint`. A private voice does not exist for others: 404."
)


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document of these routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    schemas = components([descriptor for route in routes for descriptor in route.messages])
    return {
        "openapi": "3.1.0",
        "info": {"title": "VoiceHub", "version": VERSION, "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": {**schemas, "Problem": PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.operation,
        "summary": route.summary,
        "description": (route.handler.__doc__ or "").strip(),
        "tags": [route.tag],
        "parameters": [*_path_parameters(route.path), *(_parameter(p) for p in route.parameters)],
        "security": [{"token": [scope] if (scope := route.scope) else []}, *([] if route.scope else [{}])],
        "responses": {str(route.answer.status): _answer(route), "default": _problem(route)},
    }
    if route.method == "POST":
        operation["parameters"].append(_IDEMPOTENCY)
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": {JSON_TYPE: {"schema": route.body}}}
    if route.raw_limit:
        operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {}}}
    return operation


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", path)
    return [{"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names]


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.required,
        "schema": parameter.schema,
        "description": parameter.note,
    }


def _answer(route: Route) -> dict[str, Any]:
    answer = route.answer
    if answer.status == 204:
        return {"description": answer.note}
    return {"description": answer.note, "content": {answer.media: {"schema": answer.schema} if answer.schema else {}}}


def _problem(route: Route) -> dict[str, Any]:
    if route.errors is not None:
        return {"description": "What is wrong.", "content": {JSON_TYPE: {"schema": route.errors.schema}}}
    return {
        "description": "What is wrong and what to do.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
