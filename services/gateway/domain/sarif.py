"""A scan report as SARIF 2.1.0 (OASIS), for tools that show findings beside code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {"critical": "error", "warning": "warning", "info": "note"}


def to_sarif(report: Mapping[str, Any]) -> dict[str, Any]:
    """Renders a report, as the REST API answers it, as one SARIF run."""
    findings: Sequence[Mapping[str, str]] = report.get("findings", ())
    driver = {
        "name": "voicescan",
        "version": str(report.get("rules_version") or "0"),
        "rules": [{"id": rule} for rule in sorted({f["rule"] for f in findings})],
    }
    run = {
        "tool": {"driver": driver},
        "results": [_result(finding) for finding in findings],
        "properties": {key: report.get(key) for key in ("version_id", "verdict", "signature")},
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _result(finding: Mapping[str, str]) -> dict[str, Any]:
    place = finding.get("place", "")
    return {
        "ruleId": finding["rule"],
        "level": _LEVELS.get(finding.get("severity", ""), "warning"),
        "message": {"text": finding.get("message_en") or finding["rule"]},
        "locations": [{"logicalLocations": [{"fullyQualifiedName": place}]}],
    }
