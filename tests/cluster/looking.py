"""A bare client of the API, and a watcher of Jobs that counts the GPUs given out after every event."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from services.common.kubernetes import connect

_GROUPS = {
    "trainingjobs": "/apis/voicehub.dev/v1alpha1", "trainingqueues": "/apis/voicehub.dev/v1alpha1",
    "scanjobs": "/apis/voicehub.dev/v1alpha1", "batchsyntheses": "/apis/voicehub.dev/v1alpha1",
    "jobs": "/apis/batch/v1", "pods": "/api/v1", "deployments": "/apis/apps/v1",
    "leases": "/apis/coordination.k8s.io/v1", "scaledobjects": "/apis/keda.sh/v1alpha1",
}  # fmt: skip
AGAIN_SECONDS = 0.2
STARTING_SECONDS = 60.0
Resource = dict[str, Any]


class Client:
    """One namespace of the API for whom a kubeconfig names."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self._http, token = connect(str(kubeconfig))
        self._http.timeout = httpx.Timeout(60.0)
        if shown := token():
            self._http.headers["Authorization"] = f"Bearer {shown}"
        self._namespace = namespace

    def path(self, plural: str, name: str = "") -> str:
        """Where a list or a resource lies."""
        folder = f"{_GROUPS[plural]}/namespaces/{self._namespace}/{plural}"
        return f"{folder}/{name}" if name else folder

    def create(self, plural: str, resource: Mapping[str, Any]) -> Resource:
        """Makes a resource."""
        return self._send("POST", self.path(plural), json=resource)

    def get(self, plural: str, name: str) -> Resource:
        """One resource."""
        return self._send("GET", self.path(plural, name))

    def items(self, plural: str, labels: str = "") -> list[Resource]:
        """All resources of a kind."""
        return list(self._send("GET", self.path(plural), params={"labelSelector": labels})["items"])

    def patch(self, plural: str, name: str, change: Mapping[str, Any]) -> Resource:
        """A merge patch; `plural` may end in `/status`."""
        kind, _, part = plural.partition("/")
        path = "/".join(piece for piece in (self.path(kind, name), part) if piece)
        headers = {"Content-Type": "application/merge-patch+json"}
        return self._send("PATCH", path, json=change, headers=headers)

    def delete(self, plural: str, name: str, **options: Any) -> None:
        """Removes a resource in the background."""
        body = {"propagationPolicy": "Background", **options}
        self._send("DELETE", self.path(plural, name), json=body)

    def stream(self, plural: str, version: str) -> Any:
        """A watch as a streamed response."""
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "600"}
        return self._http.stream("GET", self.path(plural), params=query, timeout=httpx.Timeout(700.0, connect=5.0))

    def list_with_version(self, plural: str) -> tuple[list[Resource], str]:
        """All resources, and from where to watch on."""
        said = self._send("GET", self.path(plural))
        return said["items"], said["metadata"]["resourceVersion"]

    def _send(self, method: str, path: str, **given: Any) -> Resource:
        """Asked again while the API server says that it is only starting; RuntimeError for any other refusal."""
        deadline = time.monotonic() + STARTING_SECONDS
        while (response := self._http.request(method, path, **given)).status_code == httpx.codes.TOO_MANY_REQUESTS:
            if time.monotonic() > deadline:
                break
            time.sleep(AGAIN_SECONDS)
        if response.is_error:
            raise RuntimeError(f"{method} {response.url}: {response.status_code} {response.text[:500]}")
        return dict(response.json())


class Watcher:
    """Follows a kind of resource in a thread until the end of its context; `see` is called for each newest state."""

    def __init__(self, client: Client, plural: str, see: Callable[[str, Resource], None]) -> None:
        self._client, self._plural, self._see = client, plural, see
        self._stop = threading.Event()
        self._known: dict[str, Resource] = {}
        self._thread = threading.Thread(target=self._run, name=f"watch-{plural}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._follow()
            except (httpx.HTTPError, RuntimeError, ValueError):  # the API server restarts in these tests
                self._stop.wait(AGAIN_SECONDS)

    def _follow(self) -> None:
        items, version = self._client.list_with_version(self._plural)
        there = {item["metadata"]["name"] for item in items}
        for name in set(self._known) - there:
            self._tell("DELETED", self._known[name])
        for item in items:
            self._tell("ADDED", item)
        with self._client.stream(self._plural, version) as response:
            for line in response.iter_lines():
                if self._stop.is_set():
                    return
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return
                self._tell(event["type"], event["object"])

    def _tell(self, what: str, item: Resource) -> None:
        if what == "DELETED":
            self._known.pop(item["metadata"]["name"], None)
        else:
            self._known[item["metadata"]["name"]] = item
        self._see(what, item)


class Gpus:
    """The GPUs of unsuspended Jobs, sampled after every event of their watch.

    Attributes:
        most: the most that was ever seen together, by queue.
        seconds: GPU-seconds by organisation.
        samples: (time, GPUs given out).
        first_seen: when each Job was seen first.
    """

    def __init__(self) -> None:
        self.most: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)
        self.samples: list[tuple[float, int]] = []
        self.first_seen: dict[str, float] = {}
        self.ended: dict[str, float] = {}
        self.log: list[tuple[float, str, str, int]] = []
        """(time, Job, organisation, GPUs it holds from now on)."""
        self._held: dict[str, tuple[str, str, int]] = {}
        self._lock = threading.Lock()
        self._last = time.time()

    def see(self, what: str, job: Resource) -> None:
        """A Job was seen."""
        meta, now = job["metadata"], time.time()
        labels, name = meta.get("labels") or {}, meta["name"]
        conditions = (job.get("status") or {}).get("conditions") or ()
        over = any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)
        gone = what == "DELETED" or over or job["spec"].get("suspend", False)
        gpus = int(job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"].get("nvidia.com/gpu", 0))
        queue, organisation = labels.get("voicehub.dev/queue", ""), labels.get("voicehub.dev/organisation", "")
        with self._lock:
            for _, owner, held in self._held.values():
                self.seconds[owner] += held * (now - self._last)
            self._last = now
            self.first_seen.setdefault(name, now)
            if over:
                self.ended.setdefault(name, now)
            if gone:
                self._held.pop(name, None)
            else:
                self._held[name] = (queue, organisation, gpus)
            self.log.append((now, name, organisation, 0 if gone else gpus))
            together: dict[str, int] = defaultdict(int)
            for where, _, held in self._held.values():
                together[where] += held
            for where, held in together.items():
                self.most[where] = max(self.most[where], held)
            self.samples.append((now, sum(together.values())))


def wait_for(condition: Callable[[], object], seconds: float = 30.0, what: str | Callable[[], str] = "") -> None:
    """Asks until it is so; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not so after {seconds} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.1)
