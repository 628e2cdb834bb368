"""What `make …-up` starts in the background and `make …-down` ends: one process that holds servers as its children."""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.engines.server import LOOK_SECONDS

ROOT = Path(__file__).resolve().parents[2]


class Background:
    """The holder of one home folder; what runs is told there, in the file `said`.

    Args:
        module: whose verb `run` calls `run`.
        home: of its lock, its log and what it says.
        said: name of the file that is there while everything serves, with `pid` and `environment`.
    """

    def __init__(self, module: str, home: Path, said: str) -> None:
        self._module, self._home, self._said = module, home, home / said

    def run(self, start: Callable[[ExitStack], Mapping[str, str]]) -> int:
        """Lets `start` put servers on the stack, says the settings it answers, stops them on SIGTERM or SIGINT."""
        with self._held() as alone, ExitStack() as stack:
            if not alone:
                print(f"It runs already from {self._home}.", file=sys.stderr)
                return 1
            asked = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: asked.set())
            content = {"pid": os.getpid(), "environment": dict(start(stack))}
            fresh = self._said.with_suffix(".new")
            fresh.touch(0o600)  # there are passwords in it
            fresh.write_text(json.dumps(content, indent=1))
            fresh.rename(self._said)
            stack.callback(self._said.unlink)
            asked.wait()
        return 0

    def up(self, arguments: Sequence[str]) -> int:
        """Starts `run` with these arguments unless it runs; prints the settings when everything serves."""
        with self._held() as alone:
            if alone:
                self._said.unlink(missing_ok=True)  # of one that was killed
        command = [sys.executable, "-m", self._module, "run", *arguments]
        with (self._home / "log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        while not self._said.exists():
            if process.poll() not in (None, 1) or (process.poll() == 1 and not self.runs()):
                print((self._home / "log").read_text(errors="replace")[-3000:], file=sys.stderr)
                return 1
            time.sleep(LOOK_SECONDS)
        for name, value in self.environment().items():
            print(f"export {name}='{value}'")
        return 0

    def down(self) -> int:
        """Ends what runs, and waits for it."""
        if self.runs():
            holder = os.pidfd_open(int(json.loads(self._said.read_text())["pid"]))
            signal.pidfd_send_signal(holder, signal.SIGTERM)
            select.select([holder], [], [])  # readable when `run` has ended, which it does after its last server
            os.close(holder)
            return 0
        self._said.unlink(missing_ok=True)
        return 0

    def environment(self) -> Mapping[str, str]:
        """The settings of what runs; nothing if it does not."""
        if not self._said.exists():
            return {}
        found: Mapping[str, str] = json.loads(self._said.read_text())["environment"]
        return found

    def runs(self) -> bool:
        """Whether somebody holds this home."""
        with self._held() as alone:
            return not alone

    @contextmanager
    def _held(self) -> Iterator[bool]:
        """Holds the home's lock, if nobody does."""
        self._home.mkdir(parents=True, exist_ok=True)
        with (self._home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
