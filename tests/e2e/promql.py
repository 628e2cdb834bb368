"""Which metrics a PromQL expression names, and which a service exports."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

_NOT_NAMES = re.compile(
    r'"(?:[^"\\]|\\.)*"'  # strings
    r"|\{[^}]*\}|\[[^\]]*\]"  # matchers and ranges (strings are gone by then)
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"  # lists of labels
    r"|\b(?:and|or|unless|bool|offset|group_left|group_right)\b"
    r"|\b\d[\w.]*"  # numbers and durations
)
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])")
_SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}


def metrics_in(expression: str) -> set[str]:
    """The names of the series that an expression reads."""
    without_strings = re.sub(r'"(?:[^"\\]|\\.)*"', '""', expression)
    return set(_NAME.findall(_NOT_NAMES.sub(" ", without_strings)))


def exported_in(text: str) -> set[str]:
    """The names of the series that a text in Prometheus' format declares."""
    return {
        f"{family.name}{suffix}"
        for family in text_string_to_metric_families(text)
        for suffix in _SUFFIXES.get(family.type, ("",))
    }


def expressions(folder: Path) -> Sequence[str]:
    """All of the dashboard and of the alerts."""
    dashboard = json.loads((folder / "dashboard.json").read_text())
    rules = yaml.safe_load((folder / "alerts.yaml").read_text())
    return [*_values(dashboard, "expr"), *_values(rules, "expr")]


def _values(node: Any, key: str) -> Iterator[str]:
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    if isinstance(node, dict) and isinstance(node.get(key), str):
        yield node[key]
    for child in children:
        yield from _values(child, key)
