"""What a hostile model would try, run by the test from inside the walls: one function an attack, named by the job."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.scanner.sandbox.channel import Channel
from services.scanner.sandbox.syscalls import number

_libc = ctypes.CDLL(None, use_errno=True)


def main(argument: Mapping[str, Any], channel: Channel) -> None:
    """Runs the probe `argument["probe"]` and sends what it reached."""
    try:
        reached = globals()[f"probe_{argument['probe']}"](argument)
    except (OSError, MemoryError) as error:
        channel.send({"kind": "stopped", "error": type(error).__name__, "errno": getattr(error, "errno", None)})
    else:
        channel.send({"kind": "reached", "what": str(reached)})


def probe_nothing(argument: Mapping[str, Any]) -> str:
    return (Path(argument["inputs"]) / "input.txt").read_text()


def probe_socket(_: Mapping[str, Any]) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.connect(("127.0.0.1", 9))
    return "connected"


def probe_unix_socket(_: Mapping[str, Any]) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.connect("\0voicehub")
    return "connected"


def probe_read(argument: Mapping[str, Any]) -> str:
    return str(Path(argument["path"]).read_bytes()[:64])


def probe_read_by_parent(argument: Mapping[str, Any]) -> str:
    return Path(argument["inputs"], "..", Path(argument["path"]).name).read_text()


def probe_write(argument: Mapping[str, Any]) -> int:
    return Path(argument["path"]).write_text("hostile")


def probe_write_tmp(_: Mapping[str, Any]) -> int:
    return Path("/tmp/hostile").write_bytes(b"x" * (64 << 20))


def probe_fill_disk(argument: Mapping[str, Any]) -> int:
    written = 0
    for index in range(10_000):
        written += (Path(argument["inputs"]) / f"fill{index}").write_bytes(bytes(1 << 20))
    return written


def probe_fork(_: Mapping[str, Any]) -> str:
    while True:
        if os.fork() == 0:
            continue


def probe_exec(_: Mapping[str, Any]) -> None:
    os.execv("/usr/bin/id", ["id"])


def probe_signal_parent(_: Mapping[str, Any]) -> None:
    os.kill(os.getppid(), signal.SIGKILL)


def probe_signal_all(_: Mapping[str, Any]) -> None:
    os.kill(-1, signal.SIGKILL)


def probe_allocate(_: Mapping[str, Any]) -> int:
    return len(mmap.mmap(-1, 8 << 30))


def probe_allocate_in_pieces(_: Mapping[str, Any]) -> int:
    return len([mmap.mmap(-1, 256 << 20) for _ in range(32)])


def probe_spin(_: Mapping[str, Any]) -> None:
    while True:
        pass


def probe_flood(_: Mapping[str, Any]) -> None:
    while True:
        _libc.syscall(number("socket"), 2, 1, 0)


def probe_crash(_: Mapping[str, Any]) -> None:
    ctypes.string_at(0)


def probe_syscall(argument: Mapping[str, Any]) -> int:
    """The named call with plausible arguments; OSError when it is refused."""
    call = number(argument["syscall"])
    found = int(_libc.syscall(call, *map(ctypes.c_long, argument["arguments"])))
    if found < 0:
        raise OSError(ctypes.get_errno(), argument["syscall"])
    return found


def probe_foreign_architecture(_: Mapping[str, Any]) -> int:
    """An x32 call: the numbers above 2**30 would pass a filter that only knows the usual ones."""
    return int(_libc.syscall(0x40000000 | 39))
