"""Settings of a service, read once from the environment.

Every engine is chosen by one URL (see docs/architecture.md, "One program, two scales"); the defaults are embedded ones
below one data folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SERVICES = ("catalog", "trainer", "scanner", "inference", "gateway")
OUTBOX_BOUND = 100_000
"""Events: about 100 MB of outbox."""


@dataclass(frozen=True)
class Settings:
    """What a service must know to start. URLs follow `scheme://…`; addresses are `host:port`.

    `{service}` in VOICEHUB_DATABASE_URL stands for the name of the service: each has a database, or a role, of its own.

    Attributes:
        metrics_address: where the process tells its Prometheus metrics; port 0 is a free one, named in the log.
        outbox_bound: so many events may wait for the bus before people's writes are refused (VOICEHUB_OUTBOX_BOUND).
        speaks_batches: whether inference speaks shards itself, or workers elsewhere do (VOICEHUB_BATCH_WORKERS).
        tls: folder of the certificate with which services talk to each other (VOICEHUB_TLS); None on the loopback.
    """

    service: str
    data: Path
    database_url: str
    events_url: str
    objects_url: str
    keys: Path
    addresses: Mapping[str, str]
    http_address: str
    bases: Path
    log_level: str = "INFO"
    metrics_address: str = "127.0.0.1:0"
    outbox_bound: int = OUTBOX_BOUND
    inference_url: str = "onnxruntime://"
    training_url: str = "process://"
    sandbox_url: str = "local://"
    speaks_batches: bool = True
    tls: Path | None = None

    def address(self, service: str) -> str:
        """The gRPC address of `service`; KeyError names the missing variable."""
        try:
            return self.addresses[service]
        except KeyError:
            raise KeyError(f"VOICEHUB_{service.upper()}_ADDRESS is not set") from None


def load(service: str, environment: Mapping[str, str] | None = None) -> Settings:
    """Reads the settings of `service` from `VOICEHUB_*` variables."""
    env = os.environ if environment is None else environment
    data = _data(env)
    addresses = {
        name: env[f"VOICEHUB_{name.upper()}_ADDRESS"] for name in SERVICES if f"VOICEHUB_{name.upper()}_ADDRESS" in env
    }
    return Settings(
        service=service,
        data=data,
        database_url=env.get("VOICEHUB_DATABASE_URL", f"sqlite:///{data / 'db' / '{service}.sqlite'}").replace(
            "{service}", service
        ),
        events_url=env.get("VOICEHUB_EVENTS_URL", f"sqlite:///{data / 'db' / 'events.sqlite'}"),
        objects_url=env.get("VOICEHUB_OBJECTS_URL", f"file://{data / 'objects'}"),
        keys=Path(env.get("VOICEHUB_KEYS", str(data / "keys"))),
        addresses=addresses,
        http_address=env.get("VOICEHUB_HTTP_ADDRESS", "127.0.0.1:0"),
        bases=Path(env.get("VOICEHUB_BASES", str(data / "bases"))),
        log_level=env.get("VOICEHUB_LOG_LEVEL", "INFO"),
        metrics_address=env.get("VOICEHUB_METRICS_ADDRESS", "127.0.0.1:0"),
        outbox_bound=number(env, "VOICEHUB_OUTBOX_BOUND", OUTBOX_BOUND),
        inference_url=env.get("VOICEHUB_INFERENCE_URL", "onnxruntime://"),
        training_url=env.get("VOICEHUB_TRAINING_URL", "process://"),
        sandbox_url=env.get("VOICEHUB_SANDBOX_URL", "local://"),
        speaks_batches=env.get("VOICEHUB_BATCH_WORKERS", "here") != "elsewhere",
        tls=Path(env["VOICEHUB_TLS"]) if env.get("VOICEHUB_TLS") else None,
    )


def number(env: Mapping[str, str], name: str, default: int) -> int:
    """A whole number of the environment; ValueError names the variable that holds something else."""
    given = env.get(name, "")
    try:
        return int(given) if given else default
    except ValueError:
        raise ValueError(f"{name} is {given!r}: use a whole number") from None


def _data(env: Mapping[str, str]) -> Path:
    """VOICEHUB_DATA, else the hub of this user: as `voicehub.home.hub_folder`, which stands without services."""
    return Path(env.get("VOICEHUB_DATA") or Path(env.get("VOICEHUB_HOME") or Path.home() / ".voicehub") / "hub")
