"""A TrainingQueue as the rules see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicehub_operator.domain.fairness import Shares
from voicehub_operator.domain.ledger import FIRST_GUESS, Ledger, Reservation
from voicehub_operator.domain.lifecycle import Rules
from voicehub_operator.domain.moments import seconds, text
from voicehub_operator.domain.retries import Backoff


@dataclass(frozen=True)
class Queue:
    """One TrainingQueue with the ledger in its status. `spec` is what manifests are made from."""

    name: str
    uid: str
    version: str
    generation: int
    held: bool
    shares: Shares
    rules: Rules
    ledger: Ledger
    deleting: bool
    finalizers: tuple[str, ...] = ()
    spec: Mapping[str, Any] = field(default_factory=dict)
    status: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, resource: Mapping[str, Any]) -> Queue:
        """From the resource; the schema has checked it."""
        meta, spec, status = resource["metadata"], resource["spec"], resource.get("status") or {}
        backoff, ttl = spec.get("backoff") or {}, spec.get("ttlSecondsAfterFinished")
        organisations = spec.get("organisations") or ()
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            version=meta["resourceVersion"],
            generation=meta.get("generation", 1),
            held=spec.get("held", False),
            shares=Shares(
                quota=spec["quota"],
                organisation_quota=spec.get("organisationQuota", 0),
                quotas={o["name"]: o["quota"] for o in organisations if "quota" in o},
                weights={o["name"]: float(o["weight"]) for o in organisations if "weight" in o},
                half_life=float(spec.get("halfLifeSeconds", 3600)),
                patience=float(spec.get("patienceSeconds", 60)),
            ),
            rules=Rules(
                kueue=spec.get("mode") == "Kueue",
                backoff=Backoff(float(backoff.get("baseSeconds", 10)), float(backoff.get("maxSeconds", 600))),
                ttl=None if ttl is None else float(ttl),
            ),
            ledger=ledger_of(status),
            deleting="deletionTimestamp" in meta,
            finalizers=tuple(meta.get("finalizers") or ()),
            spec=spec,
            status=status,
        )


def ledger_of(status: Mapping[str, Any]) -> Ledger:
    """The ledger from a queue's status."""
    reservations = [
        Reservation(r["job"], r["uid"], r["attempt"], r["organisation"], r["gpus"], seconds(r["since"]))
        for r in status.get("reservations") or ()
    ]
    return Ledger(
        reservations={one.job: one for one in reservations},
        used={share["organisation"]: float(share["gpuSeconds"]) for share in status.get("shares") or ()},
        time=seconds(status.get("sharesTime")),
        mean_seconds=float(status.get("meanSeconds", FIRST_GUESS)),
    )


def ledger_json(ledger: Ledger) -> dict[str, Any]:
    """The ledger for a queue's status."""
    return {
        "reservations": [
            {
                "job": one.job, "uid": one.uid, "attempt": one.attempt, "organisation": one.organisation,
                "gpus": one.gpus, "since": text(one.since),
            }
            for one in ledger.reservations.values()
        ],
        "shares": [
            {"organisation": name, "gpuSeconds": round(used, 3)} for name, used in sorted(ledger.used.items())
        ],
        "sharesTime": text(ledger.time) if ledger.time else None,
        "meanSeconds": round(ledger.mean_seconds, 3),
        "inUse": ledger.gpus,
    }  # fmt: skip
