"""Installs the filter and works its user-notification descriptor (seccomp(2), seccomp_unotify(2))."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import struct
from dataclasses import dataclass

from services.scanner.sandbox.job import SandboxUnavailable
from services.scanner.sandbox.syscalls import number

_SET_MODE_FILTER = 1
_NEW_LISTENER = 1 << 3
_PR_SET_NO_NEW_PRIVS = 38
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_NOTIFICATION = struct.Struct("<QIIiIQ6Q")
_ANSWER = struct.Struct("<QqiI")
CONTINUE = 1
_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


@dataclass(frozen=True)
class Notification:
    """A call that waits for its answer: cookie, thread, number and the six arguments."""

    cookie: int
    thread: int
    number: int
    arguments: tuple[int, ...]


def forbid_new_privileges() -> None:
    """No exec can gain rights any more (prctl(2), PR_SET_NO_NEW_PRIVS)."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise SandboxUnavailable("no_new_privs is not available")


def install(program: bytes) -> int:
    """Puts the filter on this thread for good; answers the listener's descriptor."""
    holder = _Program(len(program) // 8, program)
    call = number("seccomp")
    found = int(_libc.syscall(call, _SET_MODE_FILTER, _NEW_LISTENER, ctypes.byref(holder)))
    if found < 0:
        raise SandboxUnavailable(f"seccomp: {errno.errorcode.get(ctypes.get_errno(), 'unknown error')}")
    return found


def receive(listener: int) -> Notification | None:
    """The next waiting call, or None if its thread is gone already."""
    buffer = bytearray(_NOTIFICATION.size)
    try:
        fcntl.ioctl(listener, _RECEIVE, buffer)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EINTR):
            return None
        raise
    cookie, thread, _, call, _, _, *arguments = _NOTIFICATION.unpack(buffer)
    return Notification(cookie, thread, call, tuple(arguments))


def answer(listener: int, cookie: int, error: int = 0) -> None:
    """Refuses the call with `error`, or lets the kernel go on with it when `error` is 0."""
    flags = 0 if error else CONTINUE
    try:
        fcntl.ioctl(listener, _SEND, bytearray(_ANSWER.pack(cookie, 0, -error, flags)))
    except OSError as failure:
        if failure.errno != errno.ENOENT:  # the thread was killed meanwhile
            raise
