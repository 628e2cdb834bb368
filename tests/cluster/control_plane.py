"""A Kubernetes control plane with RBAC, whose parts are processes of this machine."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.cluster.builds import helm, kubernetes
from tests.cluster.plan import Plan
from tests.cluster.servers import ApiServer, ControllerManager, Etcd, Scheduler
from tests.engines.server import LOOK_SECONDS, START_SECONDS

ASK_SECONDS = 120.0


class ControlPlane:
    """etcd, API server, controller manager, scheduler; a context manager.

    Attributes:
        kubeconfig: of who may do everything.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.kubeconfig = plan.admin
        self.etcd = Etcd(plan)
        self.api_server = ApiServer(plan)
        self.controller_manager = ControllerManager(plan)
        self.scheduler = Scheduler(plan)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.etcd)
            stack.enter_context(self.api_server)
            self.controller_manager.launch()
            stack.push(self.controller_manager.__exit__)
            stack.enter_context(self.scheduler)
            self.controller_manager.wait_until_ready()
            self._await_default_account()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    @property
    def programs(self) -> Path:
        """The folder of kubectl and the others."""
        return kubernetes()

    def kubectl(self, *arguments: str | Path, given: str = "", user: Path | None = None) -> str:
        """What kubectl prints, given `given` as its standard input; RuntimeError with what it says when it fails."""
        done = self.try_kubectl(*arguments, given=given, user=user)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()[-2000:]}")
        return done.stdout

    def try_kubectl(
        self, *arguments: str | Path, given: str = "", user: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The same for a call that may fail; `user` is another kubeconfig than the administrator's."""
        command = [self.programs / "kubectl", f"--kubeconfig={user or self.kubeconfig}", *arguments]
        return subprocess.run(
            command, input=given, capture_output=True, text=True, check=False, timeout=ASK_SECONDS * 5
        )

    def apply(self, *manifests: dict[str, Any]) -> None:
        """Makes these objects, or changes them into these."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=json.dumps(listed))

    def get(self, *arguments: str) -> Any:
        """What kubectl gets, as JSON says it."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def helm(self, *arguments: str | Path) -> str:
        """What Helm prints; RuntimeError with what it says when it fails."""
        command = [helm(), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"helm {' '.join(map(str, arguments))}: {done.stderr.strip()[-3000:]}")
        return done.stdout

    def _await_default_account(self) -> None:
        """Nothing can be made in a namespace before its ServiceAccount is there."""
        deadline = time.monotonic() + START_SECONDS
        while self.try_kubectl("get", "serviceaccount", "default", "-n", "default").returncode:
            if time.monotonic() > deadline:
                raise RuntimeError(f"The controller manager does not work:\n{self.controller_manager.last_words()}")
            time.sleep(LOOK_SECONDS)
