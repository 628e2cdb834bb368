"""Outside: starts a job behind the walls, reads its frames, keeps time, and says how it ended."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from services.scanner.sandbox import outer
from services.scanner.sandbox.channel import BadFrame, Frame, frames
from services.scanner.sandbox.job import Job, Outcome, SandboxUnavailable
from services.scanner.sandbox.port import Receive
from services.scanner.sandbox.supervisor import Supervisor

CODE_PACKAGES = ("services", "gptsovits", "voicescan")
# Libraries of the system load others of them late, by name.
SYSTEM_LIBRARIES = ("/usr/lib", "/lib", "/lib64", "/etc/ld.so.cache")
# The range systemd keeps for dynamic users: belongs to nobody, and every job gets its own.
_FREE_UIDS = range(61184, 65520)
_STDERR_TAIL = 8192
_LISTENER_SECONDS = 60.0
_KEEPER = (sys.executable, "-I", "-S", "-B", str(Path(__file__).resolve().with_name("keeper.py")))


class Sandbox:
    """Runs jobs. `outer_wall=False` leaves the outer wall away, for machines where it does not stand."""

    def __init__(self, outer_wall: bool = True) -> None:
        self._bubblewrap = outer.bubblewrap() if outer_wall else None

    @property
    def has_outer_wall(self) -> bool:
        """Whether bubblewrap works here."""
        return self._bubblewrap is not None

    def run(self, job: Job, receive: Receive) -> Outcome:
        """Runs the job to its end; `receive` gets every frame of the program.

        Raises:
            SandboxUnavailable: a wall that the job needs does not stand here.
        """
        if job.needs_outer and not self.has_outer_wall:
            raise SandboxUnavailable("bubblewrap (bwrap) is not installed here or may not make namespaces")
        with _Run(job, self._bubblewrap) as run:
            run.read(receive)
            return run.outcome()


@dataclass
class _State:
    walls: dict[str, Any] = field(default_factory=dict)
    failure: str = ""
    killed_for: str = ""
    error: str = ""
    ended: bool = False


class _Run:
    """One process behind the walls, its supervisor, and its keeper, which ends all of it when the lifeline closes."""

    def __init__(self, job: Job, bubblewrap: str | None) -> None:
        self._job, self._state, self._started = job, _State(), time.monotonic()
        self._supervisor: Supervisor | None = None
        self._stderr = b""
        readable = [*code_folders(), job.inputs.resolve()]
        self._readable = [*map(str, readable), *SYSTEM_LIBRARIES]
        outside, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        result_read, result_write = os.pipe()
        order = {
            "program": job.program,
            "argument": dict(job.argument),
            "limits": job.limits.as_json(),
            "readable": self._readable,
            "uid": random.choice(_FREE_UIDS) if os.geteuid() == 0 else None,
            "result": result_write,
            "control": inside.fileno(),
        }
        command = [interpreter(), "-B", "-s", "-m", "services.scanner.sandbox.enter", json.dumps(order)]
        environment = _environment()
        if bubblewrap:
            command = outer.wrap(bubblewrap, command, readable, environment)
            self._state.walls["outer"] = "bubblewrap"
        lifeline_read, lifeline = os.pipe()
        self._lifeline: BinaryIO = os.fdopen(lifeline, "wb", buffering=0)
        self._process = subprocess.Popen(
            [*_KEEPER, str(lifeline_read), *command], env=environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=(lifeline_read, result_write, inside.fileno()), start_new_session=True, cwd="/",
        )  # fmt: skip
        os.close(lifeline_read)
        os.close(result_write)
        inside.close()
        self._result: BinaryIO = os.fdopen(result_read, "rb")
        self._timer = threading.Timer(job.limits.wall_seconds, self._kill, ("timed-out",))
        self._timer.daemon = True
        self._helpers = [
            threading.Thread(target=self._await_listener, args=(outside,), daemon=True),
            threading.Thread(target=self._drain_stderr, daemon=True),
        ]

    def __enter__(self) -> _Run:
        self._timer.start()
        for helper in self._helpers:
            helper.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._lifeline.close()
        self._process.wait()
        self._timer.cancel()
        self._result.close()
        for helper in self._helpers:
            helper.join(timeout=10)
        if self._supervisor is not None:
            self._supervisor.join()

    def read(self, receive: Receive) -> None:
        """Takes all frames in; the walls' own frames are kept here."""
        try:
            for frame in frames(Counted(self._result, self._job.limits.output)):  # type: ignore[arg-type]
                self._take(frame, receive)
        except TooMuch:
            self._kill("too-much-output")
        except BadFrame:
            self._kill("crashed")
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._kill("timed-out")
            self._process.wait()

    def outcome(self) -> Outcome:
        """How it ended; SandboxUnavailable if the walls never stood."""
        if self._state.failure or ("landlock" not in self._state.walls and not self._state.killed_for):
            raise SandboxUnavailable(self._state.failure or f"the sandbox did not start: {self._tail()[-500:]}")
        if self._supervisor is not None:
            self._supervisor.join()
        code = self._process.returncode
        number = -code if code < 0 else code - 128 if 128 < code < 193 else None  # bubblewrap answers 128 + signal
        return Outcome(
            status=self._status(number),
            exit_code=None if number else code,
            signal=number,
            attempts=tuple(self._supervisor.attempts) if self._supervisor else (),
            seconds=time.monotonic() - self._started,
            walls=self._state.walls,
            stderr=self._tail(),
        )

    def _take(self, frame: Frame, receive: Receive) -> None:
        kind = frame.header.get("kind")
        if kind == "walls":
            self._state.walls.update({k: v for k, v in frame.header.items() if k != "kind"})
        elif kind == "walls-failed":
            self._state.failure = str(frame.header.get("reason", ""))
        elif kind == "end":
            self._state.ended = True
        else:
            receive(frame)

    def _status(self, number: int | None) -> str:
        if self._state.killed_for:
            return self._state.killed_for
        if self._state.ended and self._process.returncode == 0:
            return "finished"
        if number in (signal.SIGXCPU, signal.SIGKILL):
            return "timed-out"
        return "out-of-memory" if "MemoryError" in self._tail() else "crashed"

    def _tail(self) -> str:
        self._helpers[1].join(timeout=5)
        return self._stderr.decode("utf-8", "replace")

    def _await_listener(self, outside: socket.socket) -> None:
        outside.settimeout(_LISTENER_SECONDS)
        try:
            _, descriptors, _, _ = socket.recv_fds(outside, 64, 1)
        except OSError:
            descriptors = []
        finally:
            outside.close()
        if descriptors:
            self._supervisor = Supervisor(descriptors[0], self._readable, lambda: self._kill("crashed"))

    def _drain_stderr(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            while piece := stream.read1(4096):  # type: ignore[attr-defined]
                self._stderr = (self._stderr + piece)[-_STDERR_TAIL:]

    def _kill(self, reason: str) -> None:
        if self._process.poll() is None:
            self._state.killed_for = self._state.killed_for or reason
            self._lifeline.close()


class TooMuch(Exception):
    """The job sent more than it may."""


class Counted:
    """A stream that stops at a budget of bytes."""

    def __init__(self, stream: BinaryIO, budget: int) -> None:
        self._stream, self._left = stream, budget

    def read(self, size: int) -> bytes:
        """As `BinaryIO.read`."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise TooMuch
        return data


def code_folders() -> list[Path]:
    """Where the program's own code lies: the interpreter, its packages, and ours; nothing else of this machine."""
    folders = {Path(sys.prefix).resolve(), Path(sys.base_prefix).resolve()}
    for package in CODE_PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.submodule_search_locations:
            folders.update(Path(place).resolve() for place in spec.submodule_search_locations)
    return sorted(folders)


def interpreter() -> str:
    """The running Python, named below one of the code folders even if its environment is reached by a link."""
    executable, prefix = Path(sys.executable), Path(sys.prefix)
    return str(prefix.resolve() / executable.relative_to(prefix) if executable.is_relative_to(prefix) else executable)


def _environment() -> dict[str, str]:
    roots = dict.fromkeys(str(folder.parent) for folder in code_folders() if folder.name in CODE_PACKAGES)
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    return {
        **one_thread,
        "PYTHONPATH": os.pathsep.join(roots),
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "ORT_DISABLE_TELEMETRY": "1",
    }
