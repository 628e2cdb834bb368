"""Uploaded lists, read by a process with limits of its own (`list_worker`)."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import dataclass

from services.common.errors import Invalid, Unavailable, Unprocessable
from services.common.objects import Area, ObjectStore
from services.inference import list_worker
from services.inference.domain.lists.line import Line
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb

log = logging.getLogger(__name__)
MOST_BYTES = 64 << 20
SECONDS = 60.0
AT_ONCE = 2
KINDS = ("", "jsonl", "csv", "srt", "epub")


@dataclass(frozen=True)
class ReadList:
    """The kind of a list and its lines."""

    kind: str
    lines: tuple[Line, ...]


class ListReader:
    """Reads lists, a few at a time. Thread-safe."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects, self._free = objects, threading.BoundedSemaphore(AT_ONCE)

    def read(self, plan: pb.BatchPlan) -> ReadList:
        """The list of a plan.

        Raises:
            Invalid: nothing was sent.
            Unprocessable: it cannot be read; says where.
            Unavailable: too many others are being read.
        """
        if not self._free.acquire(timeout=SECONDS):
            raise Unavailable("Too many lists are being read.", hint="Try again in a minute.", reason="LISTS_BUSY")
        try:
            return _read(self._objects, plan)
        finally:
            self._free.release()


def _read(objects: ObjectStore, plan: pb.BatchPlan) -> ReadList:
    if plan.list_format not in KINDS:
        raise Invalid(f"The list format {plan.list_format!r} is not known.", hint=f"Use one of {', '.join(KINDS[1:])}.")
    content = plan.inline or _uploaded(objects, plan.upload.digest)
    command = [sys.executable, "-m", "services.inference.list_worker", plan.list_format]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=SECONDS, check=False, env=_environment()
        )
    except subprocess.TimeoutExpired as error:
        raise _unreadable("it took too long") from error
    if done.returncode not in (0, list_worker.REFUSED):
        log.warning("a list could not be read", extra={"code": done.returncode, "stderr": done.stderr[-500:].decode()})
        raise _unreadable("it needs too much memory or time")
    answer = json.loads(done.stdout)
    if done.returncode:
        fields = {"list": answer["place"] or "cannot be read"}
        raise Unprocessable(answer["message"], hint=answer["hint"], reason="LIST_REFUSED", fields=fields)
    return ReadList(answer["format"], tuple(Line(*values) for values in answer["lines"]))


def _environment() -> dict[str, str]:
    """No address and no password of ours."""
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}


def _uploaded(objects: ObjectStore, digest: str) -> bytes:
    try:
        if objects.info(Area.QUARANTINE, digest).size > MOST_BYTES:
            raise _unreadable(f"it is larger than {MOST_BYTES >> 20} MiB")
        with objects.open(Area.QUARANTINE, digest) as stream:
            return stream.read()
    except KeyError:
        raise Invalid("The list was not uploaded.", hint="Upload it, then name its upload id.") from None


def _unreadable(why: str) -> Unprocessable:
    return Unprocessable(f"The list cannot be read: {why}.", hint="Send it in parts.", reason="LIST_REFUSED")
