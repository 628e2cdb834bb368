"""The report of a scan: verdict, findings, what the file is; as JSON and as SARIF 2.1.0 (OASIS)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from voicescan.findings import Finding, Severity, Verdict, verdict_of
from voicescan.inspection import Inspection
from voicescan.rules import RULES, RULES_VERSION

_MAX_FINDINGS = 200
_LEVELS: dict[Severity, str] = {"note": "note", "unreadable": "warning", "suspicious": "warning", "malicious": "error"}
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True)
class TensorSummary:
    """How many tensors a file holds, their bytes, and how many of each element type."""

    count: int
    size: int
    dtypes: dict[str, int]


@dataclass(frozen=True)
class Report:
    """What was found out about one file."""

    path: str
    verdict: Verdict
    findings: tuple[Finding, ...]
    format: str
    kind: str
    family: str
    tensors: TensorSummary
    stripped: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """The report as plain JSON values."""
        return {
            "path": self.path,
            "verdict": self.verdict,
            "findings": [finding.to_dict() for finding in self.findings],
            "format": self.format,
            "kind": self.kind,
            "family": self.family,
            "tensors": {"count": self.tensors.count, "bytes": self.tensors.size, "dtypes": self.tensors.dtypes},
            "stripped": list(self.stripped),
        }

    def to_json(self) -> str:
        """The report as a JSON document."""
        return json.dumps(self.to_dict(), ensure_ascii=False, indent=2)

    def to_sarif(self) -> dict[str, object]:
        """The report as a SARIF log with one run."""
        return sarif([self])


def report_on(path: str, inspection: Inspection) -> Report:
    """The report on an inspected file. The worst findings come first."""
    order = list(_LEVELS)
    findings = sorted(_distinct(inspection.findings), key=lambda one: -order.index(one.severity))
    stored = inspection.checkpoint.stored.values() if inspection.checkpoint else ()
    dtypes: dict[str, int] = {}
    for tensor in stored:
        dtypes[tensor.element.name] = dtypes.get(tensor.element.name, 0) + 1
    return Report(
        path=path,
        verdict=verdict_of(findings),
        findings=tuple(findings[:_MAX_FINDINGS]),
        format=inspection.format,
        kind=inspection.identity.kind if inspection.identity else "unknown",
        family=inspection.identity.family if inspection.identity else "",
        tensors=TensorSummary(len(stored), sum(tensor.bits.nbytes for tensor in stored), dtypes),
        stripped=inspection.stripped,
    )


def _distinct(findings: Iterable[Finding]) -> list[Finding]:
    return list(dict.fromkeys(findings))


def sarif(reports: Iterable[Report]) -> dict[str, object]:
    """One SARIF log for several reports."""
    reports = list(reports)
    used = sorted({finding.rule for report in reports for finding in report.findings})
    rules = [{"id": rule, "shortDescription": {"text": RULES[rule].english.replace("{detail}", "…")}} for rule in used]
    results = [_sarif_result(report.path, finding) for report in reports for finding in report.findings]
    driver = {"name": "voicescan", "version": RULES_VERSION, "rules": rules}
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}


def _sarif_result(path: str, finding: Finding) -> dict[str, object]:
    region = {} if finding.place.offset is None else {"region": {"byteOffset": finding.place.offset, "byteLength": 1}}
    location = {
        "physicalLocation": {"artifactLocation": {"uri": quote(path)}, **region},
        "logicalLocations": [{"fullyQualifiedName": str(finding.place)}],
    }
    return {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message_en},
        "locations": [location],
        "properties": {"message_zh": finding.message_zh},
    }
