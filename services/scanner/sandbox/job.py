"""What is run behind the walls, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

MIB = 1 << 20


class SandboxUnavailable(RuntimeError):
    """A wall could not be put up here. The work is refused; it is never done behind fewer walls."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one job.

    Attributes:
        memory: address space in bytes (RLIMIT_AS).
        cpu_seconds: processor time (RLIMIT_CPU).
        wall_seconds: time by the clock, after which everything inside is killed.
        threads: processes and threads (RLIMIT_NPROC).
        output: bytes the job may send back.
    """

    memory: int = 4096 * MIB
    cpu_seconds: int = 60
    wall_seconds: float = 90.0
    threads: int = 32
    output: int = 4096 * MIB

    def as_json(self) -> dict[str, float]:
        """For the hand-over to the child."""
        return asdict(self)


@dataclass(frozen=True)
class Job:
    """One run of one of our programs over bytes that nobody trusts.

    Attributes:
        program: dotted module with `main(argument, channel)`; imported before the walls go up.
        argument: JSON-able; paths in it lie below `inputs`.
        inputs: the only folder, besides the program's own code, that can be read inside.
        limits: bounds.
        needs_outer: refuse to run without the outer wall.
    """

    program: str
    argument: Mapping[str, Any]
    inputs: Path
    limits: Limits = field(default_factory=Limits)
    needs_outer: bool = False


@dataclass(frozen=True)
class Attempt:
    """A system call that was refused: its name and what is known of its arguments."""

    syscall: str
    detail: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a job ended.

    Attributes:
        status: `finished`, `crashed`, `timed-out`, `out-of-memory` or `too-much-output`.
        exit_code: of the program, None when a signal ended it.
        signal: number of the signal that ended it, or None.
        attempts: what was tried at the walls and refused.
        seconds: wall time.
        walls: what stood: Landlock ABI, uid inside, whether the outer wall was there.
        stderr: the last few kilobytes, for the operator's log.
    """

    status: str
    exit_code: int | None
    signal: int | None
    attempts: tuple[Attempt, ...]
    seconds: float
    walls: Mapping[str, Any]
    stderr: str = ""

    @property
    def finished(self) -> bool:
        """The program came to its own end."""
        return self.status == "finished"
