"""One engine as a child process that can be started, killed, started again and stopped, and dies with its parent."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

START_SECONDS = 180.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.05


class Server(ABC):
    """A server with its data below `home`; a context manager. Start it from a thread that lives as long as it shall.

    Attributes:
        name: of the engine, and of its folder below `home`.
        setting: the variable by which VoiceHub chooses it.
        stop_signal: what asks it to end at once, but cleanly.
    """

    name: str
    setting: str
    stop_signal = signal.SIGTERM

    def __init__(self, home: Path) -> None:
        self.home = home / self.name
        self.home.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """What `setting` is set to."""

    @abstractmethod
    def command(self) -> Sequence[str | Path]:
        """The program and its arguments; it stays in the foreground."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether it serves now; asked again and again while it starts."""

    def prepare(self) -> None:
        """What is done once, before the first start."""
        return

    def environment(self) -> Mapping[str, str]:
        """What the process sees beside our own environment."""
        return {}

    def secret(self, name: str) -> str:
        """A random word of this home, the same at every start."""
        path = self.home / name
        if not path.exists():
            path.touch(0o600)
            path.write_text(secrets.token_hex(16))
        return path.read_text()

    @property
    def pid(self) -> int:
        """Process id; 0 while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def start(self) -> float:
        """Starts it and waits until it serves; answers the seconds that took. RuntimeError with its last words."""
        begin = time.monotonic()
        self.launch()
        self.wait_until_ready()
        return time.monotonic() - begin

    def launch(self) -> None:
        """Starts the process and does not wait for it."""
        marker = self.home / "prepared"
        if not marker.exists():
            self.prepare()
            marker.touch()
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env={**os.environ, **self.environment()},
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """RuntimeError with its last words if it ended or does not serve in time."""
        begin = time.monotonic()
        while not self.is_ready():
            if not self.pid or time.monotonic() - begin > START_SECONDS:
                self.kill()
                raise RuntimeError(f"{self.name} does not start:\n{self.last_words()}")
            time.sleep(LOOK_SECONDS)

    def kill(self) -> None:
        """kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Asks it and gives it time to end; SIGKILL when that time is over."""
        if not self._process:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def last_words(self) -> str:
        """The end of its log."""
        log = self.home / "log"
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
