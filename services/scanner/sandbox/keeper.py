"""Outside, between the service and the walls: ends everything of a job when the service lets go of it, or dies.

`python -I -S keeper.py LIFELINE COMMAND…`. LIFELINE is the reading end of a pipe whose other end only the service has:
it closes when the service wants the job ended, and whenever the service dies. bubblewrap's own `--die-with-parent` is
no promise of that: a parent that dies before the child has asked for the signal (prctl(2), PR_SET_PDEATHSIG) is missed,
and so is one that dies while its first process still waits for it. Orphans of what runs here come to this process
(PR_SET_CHILD_SUBREAPER), which ends when none is left, so that who waited for it knows that nothing is.

It is started for each job and imports nothing but the standard library, without site-packages.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
from collections.abc import Sequence

_PR_SET_CHILD_SUBREAPER = 36
_BY_SIGNAL = 128


def main(lifeline: int, command: Sequence[str]) -> int:
    """Runs the command; answers its exit code, or 128 and the number of the signal that ended it."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")
    os.set_inheritable(lifeline, False)
    program = os.posix_spawn(command[0], [*command], os.environ, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ))
    _keep_only(lifeline)
    _until_end(lifeline, program)
    return _exit_code(_end_all()[program])


def _keep_only(lifeline: int) -> None:
    """Pipes of the job end with the job, not with this process."""
    os.closerange(3, lifeline)
    os.closerange(lifeline + 1, os.sysconf("SC_OPEN_MAX"))


def _until_end(lifeline: int, program: int) -> None:
    ended = os.pidfd_open(program)
    poller = select.poll()
    poller.register(lifeline, 0)  # only that its other end is closed
    poller.register(ended, select.POLLIN)
    poller.poll()


def _end_all() -> dict[int, int]:
    """Kills children, and theirs as they come here, until none is left; answers how each ended."""
    statuses = {}
    while children := _children():
        for child in children:
            os.kill(child, signal.SIGKILL)  # one that has ended stays until it is waited for
        child, status = os.waitpid(-1, 0)
        statuses[child] = status
    return statuses


def _children() -> list[int]:
    me = os.getpid()
    return [int(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit() and _parent(entry.path) == me]


def _parent(process: str) -> int | None:
    try:
        with open(f"{process}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return None


def _exit_code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else _BY_SIGNAL - code


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
