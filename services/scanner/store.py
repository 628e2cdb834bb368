"""Reports in the database. Every write signs the report anew, so what is stored is always genuine or forged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from services.scanner.domain.findings import Finding
from services.scanner.domain.reports import Report, sign
from services.scanner.tables import reports

Upload = dict[str, str]


class ReportStore:
    """Reads and writes reports inside a session."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def save(self, session: Session, report: Report, uploads: Sequence[Upload]) -> None:
        """Stores the report of a version, in place of an earlier one."""
        exists = self.find(session, report.version_id) is not None
        values = {**_columns(sign(report, self._key)), "uploads": list(uploads)}
        if exists:
            session.execute(update(reports).where(reports.c.version_id == report.version_id).values(values))
        else:
            session.execute(insert(reports).values(values))

    def find(self, session: Session, version_id: str) -> Report | None:
        """The report of a version, if it was scanned."""
        row = session.execute(select(reports).where(reports.c.version_id == version_id)).mappings().first()
        return None if row is None else _report(row)

    def outdated(self, session: Session, rules_version: str) -> list[str]:
        """The versions whose report rests on other rules."""
        chosen = select(reports.c.version_id).where(reports.c.rules_version != rules_version)
        return [str(version_id) for version_id in session.execute(chosen.order_by(reports.c.create_time)).scalars()]

    def uploads(self, session: Session, version_id: str) -> list[Upload]:
        """The uploaded files that the report is about."""
        found = session.execute(select(reports.c.uploads).where(reports.c.version_id == version_id)).scalar()
        return list(found or ())

    def amend(self, session: Session, version_id: str, **changes: Any) -> None:
        """Changes fields of a stored report and signs it again; nothing happens for an unknown version."""
        report = self.find(session, version_id)
        if report is not None:
            self.save(session, replace(report, **changes), self.uploads(session, version_id))


def _columns(report: Report) -> dict[str, Any]:
    return {
        "version_id": report.version_id,
        "verdict": report.verdict,
        "findings": [finding.as_json() for finding in report.findings],
        "stripped": list(report.stripped),
        "create_time": report.create_time,
        "second_opinions": report.second_opinions,
        "behaviour": report.behaviour,
        "rules_version": report.rules_version,
        "signature": report.signature,
    }


def _report(row: Any) -> Report:
    moment = row["create_time"]
    return Report(
        version_id=row["version_id"],
        verdict=row["verdict"],
        findings=tuple(Finding.from_json(f) for f in row["findings"]),
        stripped=tuple(row["stripped"]),
        create_time=moment if moment.tzinfo else moment.replace(tzinfo=UTC),
        second_opinions=dict(row["second_opinions"]),
        behaviour=dict(row["behaviour"]),
        rules_version=row["rules_version"],
        signature=row["signature"],
    )
