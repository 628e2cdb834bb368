"""Settings of the operator, read once from the environment."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Settings:
    """What the operator must know to start.

    Attributes:
        namespace: the only one that it serves.
        identity: this replica's name in the lease.
        lease_seconds: after so long without a renewal another replica takes over.
        writers: writes to the API under way at a time: half of them Jobs, half of them statuses.
        resync_seconds: between two whole listings, which find what a watch has missed.
        watch_seconds: a watch is opened anew after so long, silent or not.
        metrics_port: of Prometheus; 0 is none. `health_port`: of the probe.
        scan_image, scan_claim: what every ScanJob runs in and on; without them ScanJobs are refused.
        scan_runtime_class: such as gvisor; empty for the cluster's own.
        kafka: bootstrap servers whose lags count for BatchSyntheses; empty for none.
    """

    namespace: str
    identity: str
    lease_seconds: float = 15.0
    writers: int = 16
    resync_seconds: float = 60.0
    watch_seconds: int = 240
    metrics_port: int = 9090
    health_port: int = 8080
    scan_image: str = ""
    scan_claim: str = ""
    scan_runtime_class: str = ""
    kafka: str = ""
    lag_seconds: float = 2.0
    log_level: str = "INFO"


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Reads `VOICEHUB_OPERATOR_*`; KeyError names a missing variable."""
    env = os.environ if environment is None else environment
    prefix = "VOICEHUB_OPERATOR_"
    given = {name.removeprefix(prefix).lower(): value for name, value in env.items() if name.startswith(prefix)}
    if "namespace" not in given:
        raise KeyError(f"{prefix}NAMESPACE is not set; name the namespace that this operator serves")
    typed: dict[str, Any] = {}
    for one in fields(Settings):
        if one.name in given:
            number = type(one.default) if isinstance(one.default, int | float) else str
            typed[one.name] = number(given[one.name])
    typed.setdefault("identity", f"{env.get('HOSTNAME') or socket.gethostname()}-{os.getpid()}")
    return Settings(**typed)
