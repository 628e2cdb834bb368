"""What must be there before a hub can work, each thing with a sentence of what is wrong and one of what to do."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from services.common import tls
from services.common.database import Database
from services.common.events import open_bus
from services.common.objects import Area, open_store
from services.common.settings import SERVICES, Settings

LEAST_FREE_BYTES = 1 << 30
CONNECT_SECONDS = 5.0
GPU_SECONDS = 30.0
PORTS = {"postgresql": 5432, "kafka": 9092, "s3": 443, "s3+http": 80, "elasticsearch": 9200, "triton": 8001}


class Problem(Exception):
    """What is wrong; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Check:
    """One thing to look at; `look` raises Problem."""

    name: str
    look: Callable[[], None]


def host_ports(url: str) -> list[tuple[str, int]]:
    """The servers that an engine's URL names; none for an embedded engine."""
    parts = urlsplit(url)
    scheme = parts.scheme.partition("+")[0] if parts.scheme != "s3+http" else parts.scheme
    if scheme not in PORTS:
        return []
    named = [urlsplit(f"//{server}") for server in parts.netloc.rpartition("@")[2].split(",")]
    return [(one.hostname, one.port or PORTS[scheme]) for one in named if one.hostname]


def names(variable: str, url: str) -> None:
    """Every host of a URL has an address."""
    for host, _ in host_ports(url):
        try:
            socket.getaddrinfo(host, None)
        except OSError as error:
            raise Problem(
                f"The name {host} in {variable} cannot be resolved: {error.strerror or error}.",
                "Check its spelling; a name in another namespace needs .NAMESPACE.svc. If no name can be resolved,"
                " cluster DNS is away: kubectl -n kube-system get pods -l k8s-app=kube-dns.",
            ) from error


def reachable(variable: str, url: str) -> None:
    """Every server of a URL takes a connection."""
    for host, port in host_ports(url):
        try:
            socket.create_connection((host, port), CONNECT_SECONDS).close()
        except OSError as error:
            raise Problem(
                f"{host}:{port} in {variable} takes no connection: {error}.",
                "Check that the engine runs and its port; networkPolicy.engines must allow the way there.",
            ) from error


def data_folder(settings: Settings) -> None:
    """The data folder can be written durably and has room."""
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=settings.data) as file:
            file.write(b"voicehub")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise Problem(
            f"The data folder {settings.data} cannot be written: {error.strerror or error}.",
            f"It must belong to user {os.geteuid()} or, on a cluster, to the group in user.group (fsGroup); hostPath"
            " volumes keep their owner: chown them.",
        ) from error
    free = shutil.disk_usage(settings.data).free
    if free < LEAST_FREE_BYTES:
        raise Problem(
            f"Only {free >> 20} MiB are free in {settings.data}.",
            "Give the volume more room: a hub needs 1 GiB to start.",
        )


def database(settings: Settings) -> None:
    """The service's role may log in and make tables of its own."""
    opened = Database(settings.database_url)
    try:
        with opened.write() as session:
            session.execute(text("CREATE TABLE voicehub_preflight (number INTEGER)"))
            session.rollback()
    except SQLAlchemyError as error:
        raise Problem(
            f"The database of {settings.service} cannot be used: {_first_line(error)}",
            "Check the Secret of engines.database; `voicehub-admin database prepare` makes the roles and schemas.",
        ) from error
    finally:
        opened.engine.dispose()


def objects(settings: Settings) -> None:
    """An object can be written, read and removed."""
    try:
        store = open_store(settings.objects_url)
        digest = store.put(Area.QUARANTINE, [b"voicehub preflight ", os.urandom(16)]).digest
        with store.open(Area.QUARANTINE, digest) as stream:
            stream.read()
        store.delete(Area.QUARANTINE, digest)
    except (OSError, ValueError, KeyError) as error:
        raise Problem(
            f"The object store cannot be used: {_first_line(error)}",
            "Check the Secret of engines.objects: key, secret and bucket; the bucket must exist, and its key must"
            " be allowed to put, get, list and delete.",
        ) from error


def events(settings: Settings) -> None:
    """The bus answers what it holds."""
    with _hinted(
        "The event bus cannot be used",
        "Check engines.events, that the brokers advertise addresses which pods can reach, and the user's rights.",
    ):
        bus = open_bus(settings.events_url)
        bus.lags()
        bus.close()


def keys(settings: Settings) -> None:
    """Every service can be recognised, or the keys are still to be made in a folder that can be written."""
    public = settings.keys / "public"
    missing = [name for name in SERVICES if not (public / f"{name}.pem").is_file()]
    if not missing or (not public.exists() and os.access(settings.keys.parent, os.W_OK)):
        return
    raise Problem(
        f"The public keys of {', '.join(missing)} are not in {public}.",
        "Make the Secret of keys.existingSecret with: voicehub-admin keys secret | kubectl apply -f -",
    )


def certificate(folder: Path, at: datetime | None = None) -> None:
    """The certificate of a service is there and good today."""
    hint = "Look at the Certificate with kubectl describe, or at the Secrets in tls.existingSecrets."
    try:
        pair = tls.read_pair(folder)
        tls.names_of(pair)
    except tls.TlsUnusable as error:
        raise Problem(str(error), hint) from error
    found = x509.load_pem_x509_certificate(pair.chain)
    if not found.not_valid_before_utc <= (at or datetime.now(UTC)) <= found.not_valid_after_utc:
        raise Problem(
            f"The certificate in {folder} is good from {found.not_valid_before_utc} to {found.not_valid_after_utc}.",
            hint,
        )


def gpu() -> None:
    """A GPU can be seen from here."""
    hint = (
        "Run this where trainings run, with nvidia.com/gpu in its limits; if such a pod stays Pending, the device"
        " plugin is missing or its taints are not tolerated (docs/operate.md, GPU nodes)."
    )
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=GPU_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Problem(f"There is no GPU here: {_first_line(error)}", hint) from error
    if done.returncode or "GPU" not in done.stdout:
        raise Problem(f"There is no GPU here: {(done.stderr or done.stdout).strip()[:200]}", hint)


@contextmanager
def _hinted(message: str, hint: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # each bus has a client with errors of its own; all mean the same here
        raise Problem(f"{message}: {_first_line(error)}", hint) from error


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0][:300]
