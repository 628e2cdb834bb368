"""Pods of trainings, scans and batches as processes of this machine: real operator and API, work that is really done.

kwok plays the node and holds the pod back (`HELD`); this runs what the pod's container would run, with exactly the
environment that the pod has, and tells the API of its beginning and end as a kubelet does. When the pod is deleted the
process gets SIGTERM, and SIGKILL after a time of grace.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cluster.looking import Client

HELD = {"voicehub.test/starts-after": "24h", "voicehub.test/runs-for": "24h"}
CONTAINERS = {"training": "worker", "scan": "scan", "batch": "worker"}
LOOK_SECONDS, GRACE_SECONDS = 0.2, 10.0


class ProcessPods:
    """Runs for each pod of a kind (training, scan, batch) the command that it is given for it; a context manager."""

    def __init__(
        self,
        client: Client,
        command: Callable[[dict[str, Any]], Sequence[str | Path]],
        environment: Mapping[str, str],
        home: Path,
        kind: str = "training",
    ) -> None:
        self._client, self._command, self._environment, self._home = client, command, dict(environment), home
        self._kind = kind
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="process-pods", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(timeout=10)
        for process in self._running.values():
            process.kill()
            process.wait()

    def kill_one(self) -> str:
        """As the kernel does when memory is short; answers the name of the pod. LookupError if none runs."""
        name, process = next(((n, p) for n, p in self._running.items() if p.poll() is None), ("", None))
        if process is None:
            raise LookupError("no pod of this kind runs")
        os.killpg(process.pid, signal.SIGKILL)
        return name

    def kill_all(self) -> None:
        """All of them at once."""
        for process in self._running.values():
            os.killpg(process.pid, signal.SIGKILL)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            pods = {
                pod["metadata"]["name"]: pod for pod in self._client.items("pods", f"voicehub.dev/kind={self._kind}")
            }
            for name, pod in pods.items():
                placed = bool(pod["spec"].get("nodeName")) or self._kind == "scan"  # no node of kwok takes a scan
                waits = placed and pod["status"].get("phase") == "Pending"
                if waits and name not in self._running and "deletionTimestamp" not in pod["metadata"]:
                    self._begin(name, pod)
            for name, process in list(self._running.items()):
                gone = name not in pods or "deletionTimestamp" in pods[name]["metadata"]
                if gone:
                    self._end(process)
                if process.poll() is not None:
                    del self._running[name]
                    if not gone:
                        self._say(name, process.returncode)

    def _begin(self, name: str, pod: dict[str, Any]) -> None:
        given = {one["name"]: one.get("value", "") for one in pod["spec"]["containers"][0].get("env") or ()}
        work = self._home / name
        work.mkdir()
        environment = {**os.environ, **given, **self._environment, "VOICEHUB_WORK": str(work)}
        with (work / "log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                self._command(pod), env=environment, stdout=log, stderr=log, start_new_session=True
            )
        self._say(name, None)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        try:
            process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _say(self, name: str, code: int | None) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        number = None if code is None else code if code >= 0 else 128 - code
        state = (
            {"running": {"startedAt": now}}
            if number is None
            else {"terminated": {"exitCode": number, "reason": "Completed", "startedAt": now, "finishedAt": now}}
        )
        phase = "Running" if number is None else "Failed" if number else "Succeeded"
        ready = number is None
        status = {
            "phase": phase,
            "conditions": [{"type": "Ready", "status": str(ready), "lastTransitionTime": now}],
            "containerStatuses": [
                {"name": CONTAINERS[self._kind], "image": "process", "imageID": "process", "ready": ready,
                 "restartCount": 0, "state": state}
            ],
        }  # fmt: skip
        self._client.patch("pods/status", name, {"status": status})
