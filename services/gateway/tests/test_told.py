"""The table of the public API in docs/architecture.md names what the API itself says one must give."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from services.gateway.tests.conftest import Gateway

TABLE = Path(__file__).resolve().parents[3] / "docs" / "architecture.md"
METHODS = ("get", "post", "put", "patch", "delete")


def _needed(operation: dict[str, Any]) -> set[str]:
    """Fields of the body and parameters of the query that an operation cannot do without."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    asked = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query" and one.get("required")]
    return {*body.get("required", ()), *asked}


def test_the_table_has_every_route_and_what_it_needs(gateway: Gateway) -> None:
    told = TABLE.read_text(encoding="utf-8").partition("## Public REST")[2].partition("\n## ")[0]
    rows = [row for row in told.splitlines() if row.startswith("|")]
    for path, operations in gateway.client.get("/openapi.json").get_json()["paths"].items():
        fixed = [word for part in path.split("/") if "{" not in part for word in re.findall(r"[a-z_]+", part)]
        for method, operation in operations.items():
            if method in METHODS:
                wanted = {method.upper(), *fixed[-1:], *_needed(operation)}
                assert any(wanted <= set(re.findall("[A-Za-z_]+", row)) for row in rows), f"{method} {path}"
