"""Outside: answers the system calls that no rule allows.

Files may be opened for reading below the readable folders; everything else is refused and recorded.

Letting an `open` continue is no decision about safety (its arguments may change under us): Landlock and the mount
namespace decide. This is where attempts become visible.
"""

from __future__ import annotations

import errno
import os
import posixpath
import select
import threading
from collections.abc import Callable, Sequence

from services.scanner.sandbox import seccomp
from services.scanner.sandbox.job import Attempt
from services.scanner.sandbox.seccomp import Notification
from services.scanner.sandbox.syscalls import name_of

MAX_ATTEMPTS = 256
_AT_FDCWD = 0xFFFFFF9C
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_TMPFILE
_PATH_MAX = 4096
# Places that libraries look at to know the machine: refused like all others, but no attempt at the walls.
CURIOSITY = (
    "/sys/devices/system/",
    "/sys/fs/cgroup",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/self/",
    "/etc/localtime",
    "/usr/share/zoneinfo",
)


class Supervisor:
    """Serves one listener in a thread of its own until the sandbox has ended."""

    def __init__(self, listener: int, readable: Sequence[str], give_up: Callable[[], None]) -> None:
        self.attempts: list[Attempt] = []
        self._listener, self._readable, self._give_up = listener, tuple(readable), give_up
        self._thread = threading.Thread(target=self._serve, name="sandbox-supervisor", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Waits for the end of the thread; the listener hangs up when the last process inside is gone."""
        self._thread.join(timeout=10)

    def _serve(self) -> None:
        poller = select.poll()
        poller.register(self._listener, select.POLLIN)
        try:
            while True:
                for _, happened in poller.poll():
                    if happened & select.POLLIN:
                        self._answer_next()
                    elif happened & (select.POLLHUP | select.POLLERR):
                        return
        finally:
            os.close(self._listener)

    def _answer_next(self) -> None:
        notification = seccomp.receive(self._listener)
        if notification is not None:
            seccomp.answer(self._listener, notification.cookie, self._judge(notification))

    def _judge(self, call: Notification) -> int:
        name = name_of(call.number)
        if name in ("open", "openat"):
            return self._judge_open(call, name)
        self._record(name, f"arguments {', '.join(hex(a) for a in call.arguments[:3])}")
        return errno.EPERM

    def _judge_open(self, call: Notification, name: str) -> int:
        at = call.arguments[0] & 0xFFFFFFFF if name == "openat" else _AT_FDCWD
        address, flags = call.arguments[1:3] if name == "openat" else call.arguments[0:2]
        path = read_string(call.thread, address)
        if flags & (_WRITING & ~os.O_DIRECTORY):
            self._record(name, f"for writing: {path}")
            return errno.EPERM
        if path.startswith("/") or at == _AT_FDCWD:
            normal = posixpath.normpath(posixpath.join("/", path))
            if any(normal == root or normal.startswith(root + "/") for root in self._readable):
                return 0
            if normal.startswith(CURIOSITY):
                return errno.EACCES
        self._record(name, f"for reading: {path}")
        return errno.EACCES

    def _record(self, name: str, detail: str) -> None:
        if len(self.attempts) < MAX_ATTEMPTS:
            self.attempts.append(Attempt(name, detail))
        else:  # it dies when the kernel comes to it; until then it may try on
            self._give_up()


def read_string(thread: int, address: int) -> str:
    """A C string in the memory of the waiting thread, for the record; `?` if it cannot be read."""
    try:
        with open(f"/proc/{thread}/mem", "rb", buffering=0) as memory:
            memory.seek(address)
            page_left = 4096 - address % 4096
            raw = memory.read(page_left)
            if b"\0" not in raw and page_left < _PATH_MAX:
                raw += memory.read(_PATH_MAX)
    except (OSError, OverflowError, ValueError):
        return "?"
    return raw.split(b"\0", 1)[0].decode("utf-8", "replace")
