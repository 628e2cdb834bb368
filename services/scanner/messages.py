"""Between our values and the messages of the contracts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from services.common.clock import to_timestamp
from services.scanner.domain.findings import Finding
from services.scanner.domain.reports import Report
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2


def findings(values: Iterable[Finding]) -> list[common_pb2.Finding]:
    """Findings as messages."""
    return [common_pb2.Finding(**finding.as_json()) for finding in values]


def struct(values: Mapping[str, Any]) -> Struct:
    """A JSON object as a message."""
    return json_format.ParseDict(dict(values), Struct())


def report(value: Report) -> scanner_pb2.Report:
    """A report as a message."""
    return scanner_pb2.Report(
        version_id=value.version_id,
        verdict=value.verdict,
        findings=findings(value.findings),
        stripped=value.stripped,
        create_time=to_timestamp(value.create_time),
        second_opinions=value.second_opinions,
        rules_version=value.rules_version,
        signature=value.signature,
        behaviour=struct(value.behaviour) if value.behaviour else None,
    )
