"""One service as a process: started, watched, started again after a crash, stopped."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

log = logging.getLogger(__name__)
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
STABLE_SECONDS = 30.0


class Child:
    """A service that shall be running.

    Args:
        name: the service; its module is `services.<name>`.
        environment: of the process.
        logs: folder of `<name>.jsonl`, to which its output is appended.
    """

    def __init__(self, name: str, environment: Mapping[str, str], logs: Path) -> None:
        self.name = name
        self.restarts = 0
        self._environment = dict(environment)
        self._log = logs / f"{name}.jsonl"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._crashes = 0
        self._due = 0.0

    @property
    def pid(self) -> int:
        """Process id; 0 while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll() if self._process else None

    def start(self) -> None:
        """Starts the process in a session of its own, so that Ctrl-C reaches the launcher alone."""
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", f"services.{self.name}"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._started = time.monotonic()
        self._due = 0.0

    def tend(self) -> bool:
        """Starts it again when it has crashed and its pause is over; True when it was started."""
        if self.pid:
            return False
        now = time.monotonic()
        if not self._due:
            self._crashes = 0 if now - self._started > STABLE_SECONDS else self._crashes + 1
            pause = min(FIRST_PAUSE_SECONDS * 2**self._crashes, LONGEST_PAUSE_SECONDS)
            self._due = now + pause
            log.warning("service ended", extra={"child": self.name, "exit_code": self.exit_code, "pause": pause})
        if now < self._due:
            return False
        self.restarts += 1
        self.start()
        return True

    def ask_to_stop(self) -> None:
        """SIGTERM."""
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)

    def wait(self, deadline: float) -> None:
        """Waits until it has ended, at `deadline` (monotonic seconds) with SIGKILL."""
        if not self._process:
            return
        try:
            self._process.wait(max(deadline - time.monotonic(), 0.0))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def last_words(self, lines: int = 5) -> str:
        """The end of its log."""
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
