"""`python3 -m inside.pod`: what a program can do in this pod, told as one JSON object.

No wall of ours stands here, only those of the pod: what hostile code would meet that got through the inner ones.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from services.scanner.sandbox.syscalls import number

NEW_USER = 0x10000000
TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
SYSTEM_CALLS: Mapping[str, tuple[int, ...]] = {
    "bpf": (0, 0, 0),
    "chroot": (0,),
    "init_module": (0, 0, 0),
    "io_uring_setup": (8, 0),
    "keyctl": (0, -3, 1),
    "mount": (0, 0, 0, 0),
    "open_by_handle_at": (-100, 0, 0),
    "perf_event_open": (0, 0, -1, -1, 0),
    "setns": (0, 0),
    "setuid": (0,),
    "unshare": (NEW_USER,),
    "userfaultfd": (1,),
}
"""Each with arguments of which the kernel complains otherwise than by EPERM if the call gets through."""
_libc = ctypes.CDLL(None, use_errno=True)


def called(name: str, arguments: tuple[int, ...]) -> int:
    """errno of a system call; 0 if it did something."""
    ctypes.set_errno(0)
    result = _libc.syscall(number(name), *(ctypes.c_long(argument) for argument in arguments))
    return 0 if result >= 0 else ctypes.get_errno()


def tried(attempt: Callable[[], object]) -> str:
    """What came of it: `reached`, or the name of the error."""
    try:
        attempt()
    except OSError as error:
        return os.strerror(error.errno or 0)
    except MemoryError:
        return "MemoryError"
    return "reached"


def status() -> Mapping[str, str]:
    """The kernel's page about this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def fill(path: Path) -> None:
    """Writes a gigabyte."""
    with path.open("wb") as file:
        for _ in range(1024):
            file.write(bytes(1 << 20))


def forked() -> int:
    """How many processes this pod may have before one is refused."""
    children: list[int] = []
    try:
        while len(children) < 5000:
            child = os.fork()
            if not child:
                signal.pause()
            children.append(child)
    except BlockingIOError:
        pass
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    return len(children)


def killed_for_memory() -> int:
    """The signal that ends a child which takes 8 GB."""
    child = os.fork()
    if not child:
        held = [bytearray(b"x") * (64 << 20) for _ in range(128)]
        os._exit(len(held) and 0)
    _, ended = os.waitpid(child, 0)
    return os.WTERMSIG(ended) if os.WIFSIGNALED(ended) else 0


def connected(host: str, port: int) -> str:
    """What comes of a connection."""
    return tried(lambda: socket.create_connection((host, port), timeout=3).close())


def main() -> None:
    """Tells everything."""
    page = status()
    told = {
        "uid": os.getuid(),
        "capabilities": page["CapEff"].strip(),
        "no_new_privileges": page["NoNewPrivs"].strip(),
        "seccomp": page["Seccomp"].strip(),
        "token": TOKEN.exists(),
        "others": sorted(p.name for p in Path("/proc").glob("[0-9]*") if int(p.name) not in (1, os.getpid())),
        "write": {
            path: tried(partial(Path(path, "hostile").write_text, "x"))
            for path in ("/", "/usr/lib", "/etc", "/proc/sys/kernel", "/sys/fs/cgroup")
        },
        "shadow": tried(lambda: Path("/etc/shadow").read_text()),
        "device": tried(lambda: os.mknod("/tmp/device", 0o600 | 0o020000, os.makedev(1, 8))),
        "calls": {name: os.strerror(called(name, arguments)) for name, arguments in SYSTEM_CALLS.items()},
        "fill": tried(lambda: fill(Path("/tmp/fill"))),
        "forked": forked(),
        "memory": killed_for_memory(),
        "outside": connected("192.0.2.2", 22),
        "api": connected("kubernetes.default.svc", 443),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
