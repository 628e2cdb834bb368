"""PostgreSQL: Debian's where it is installed, else the one in the wheel `pgserver`."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from shutil import which
from tempfile import NamedTemporaryFile

from services.common.admin.database import prepare as prepare_roles
from tests.engines.ports import LOOPBACK, free_ports
from tests.engines.server import LOOK_SECONDS, START_SECONDS, Server
from tests.engines.wheels import wheel

DEBIAN = Path("/usr/lib/postgresql")
UNPRIVILEGED = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "setpriv", "--pdeathsig", "KILL")
"""It refuses to run as root. In a user namespace it is nobody, and its files still belong to who started it."""


def programs() -> Path:
    """The folder of `postgres` and `initdb`."""
    versions = sorted((p for p in DEBIAN.glob("*/bin") if (p / "initdb").exists()), key=lambda p: int(p.parent.name))
    if versions:
        return versions[-1]
    if found := which("initdb"):
        return Path(found).resolve().parent
    return wheel("pgserver") / "pgserver" / "pginstall" / "bin"


class PostgreSQL(Server):
    """One server; `admin_url` is that of its superuser."""

    name, setting = "postgresql", "VOICEHUB_DATABASE_URL"
    stop_signal = signal.SIGINT  # "fast shutdown": SIGTERM would wait for clients to leave

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._programs = programs()
        self._data = self.home / "data"
        (self.port,) = free_ports(1)
        self.password = self.secret("password")

    @property
    def admin_url(self) -> str:
        """Of the superuser, with the database that every server has."""
        return f"postgresql+psycopg://admin:{self.password}@{LOOPBACK}:{self.port}/postgres"

    @property
    def url(self) -> str:
        """With a role for each service."""
        return f"postgresql+psycopg://{{service}}:{self.password}@{LOOPBACK}:{self.port}/voicehub"

    def prepare(self) -> None:
        """Makes the database cluster."""
        with NamedTemporaryFile("w") as file:
            file.write(self.password)
            file.flush()
            options = ("-U", "admin", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
            command: list[str | Path] = [
                *_as_nobody(),
                self._programs / "initdb",
                "-D",
                self._data,
                *options,
                f"--pwfile={file.name}",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def command(self) -> Sequence[str | Path]:
        """Durable as by default: an acknowledged commit is on the disk."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": "",
            "shared_buffers": "64MB",
            "max_connections": 200,
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [*_as_nobody(), self._programs / "postgres", "-D", self._data, *options]

    def is_ready(self) -> bool:
        """As `pg_isready` sees it."""
        question: list[str | Path] = [self._programs / "pg_isready", "-q", "-h", LOOPBACK, "-p", str(self.port)]
        return subprocess.run(question, check=False).returncode == 0

    def start(self) -> float:
        """Starts it; the first time with the roles of the services."""
        self._wait_for_the_last_one()
        seconds = super().start()
        marker = self.home / "roles"
        if not marker.exists():
            prepare_roles(self.admin_url, self.url)
            marker.touch()
        return seconds

    def _wait_for_the_last_one(self) -> None:
        """A killed postmaster that nobody has reaped yet still counts as running for the next one."""
        lock = self._data / "postmaster.pid"
        if not lock.exists():
            return
        number = lock.read_text().partition("\n")[0]
        deadline = time.monotonic() + START_SECONDS
        while Path(f"/proc/{number}/stat").exists() and time.monotonic() < deadline:
            if _name(number) not in ("postgres", ""):
                return  # the number belongs to another program by now
            time.sleep(LOOK_SECONDS)

    def kill(self) -> None:
        """kill -9 of the postmaster; its children see that and end, and until then its memory is in use."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split() if self.pid else []
        super().kill()
        while any(Path(f"/proc/{child}").exists() for child in children):
            time.sleep(LOOK_SECONDS)


def _name(number: str) -> str:
    """Of a process; '' when it has just ended."""
    try:
        return Path(f"/proc/{number}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):  # the second, when it ends while it is read
        return ""


def _as_nobody() -> Sequence[str]:
    return UNPRIVILEGED if os.geteuid() == 0 else ()
