"""How a job travels to a pod and its outcome comes back: files in the scan's folder of the shared volume.

`order.json` and `inputs/` are read inside, `result/frames` and `result/outcome.json` are written there. What comes
back is as trustworthy as the pod: it is read with bounds and believed for this scan only.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from services.scanner.sandbox.job import Attempt, Job, Limits, Outcome

ORDER, INPUTS, RESULT = "order.json", "inputs", "result"
FRAMES, OUTCOME = "frames", "outcome.json"
MOST_OUTCOME = 1 << 20
STATUSES = ("finished", "crashed", "timed-out", "out-of-memory", "too-much-output")


def pack(job: Job, folder: Path, inside: Path) -> None:
    """Lays a job out in `folder`; paths below its inputs are those that it has at `inside`."""
    shutil.copytree(job.inputs, folder / INPUTS)
    order = {
        "program": job.program,
        "argument": _moved(job.argument, str(job.inputs), str(inside / INPUTS)),
        "limits": job.limits.as_json(),
    }
    (folder / ORDER).write_text(json.dumps(order))
    (folder / RESULT).mkdir()
    (folder / RESULT).chmod(0o777)  # the pod has a user of its own; nobody else is shown this folder
    folder.chmod(0o755)


def read_job(folder: Path) -> Job:
    """The job, inside."""
    order = json.loads((folder / ORDER).read_text())
    limits = {name: type(default)(order["limits"][name]) for name, default in Limits().as_json().items()}
    return Job(order["program"], order["argument"], folder / INPUTS, Limits(**limits))  # type: ignore[arg-type]


def write_outcome(folder: Path, said: Mapping[str, Any]) -> None:
    """How it ended, whole or not at all."""
    partial = folder / RESULT / f"{OUTCOME}.part"
    partial.write_text(json.dumps(said))
    os.replace(partial, folder / RESULT / OUTCOME)


def read_outcome(folder: Path) -> dict[str, Any] | None:
    """What the pod says; None if it says nothing that makes sense."""
    try:
        with open_result(folder, OUTCOME) as file:
            said = json.loads(file.read(MOST_OUTCOME))
    except (OSError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def open_result(folder: Path, name: str) -> BinaryIO:
    """A file of the result: a regular one, never a link; OSError otherwise."""
    descriptor = os.open(folder / RESULT / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{name} of the scan is no file")
    return os.fdopen(descriptor, "rb")


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """For `write_outcome`."""
    return {
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "signal": outcome.signal,
        "attempts": [[one.syscall, one.detail] for one in outcome.attempts],
        "seconds": outcome.seconds,
        "walls": dict(outcome.walls),
        "stderr": outcome.stderr,
    }


def outcome_of(said: Mapping[str, Any], walls: Mapping[str, Any]) -> Outcome:
    """The outcome from what the pod says; ValueError if that is no outcome."""
    try:
        if said["status"] not in STATUSES:
            raise ValueError("no such status")
        return Outcome(
            status=said["status"],
            exit_code=None if said["exit_code"] is None else int(said["exit_code"]),
            signal=None if said["signal"] is None else int(said["signal"]),
            attempts=tuple(Attempt(str(syscall), str(detail)) for syscall, detail in said["attempts"]),
            seconds=float(said["seconds"]),
            walls={**said["walls"], **walls},
            stderr=str(said["stderr"]),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"no outcome: {error}") from error


def _moved(value: Any, old: str, new: str) -> Any:
    if isinstance(value, str):
        return new + value[len(old) :] if value == old or value.startswith(f"{old}/") else value
    if isinstance(value, Mapping):
        return {key: _moved(one, old, new) for key, one in value.items()}
    return [_moved(one, old, new) for one in value] if isinstance(value, list | tuple) else value
