"""The life of an embedded hub: keys, ports, five processes, a watchful eye, a clean end."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from services.common.identity import ensure_keys
from services.common.settings import SERVICES, load
from services.launcher.child import Child
from services.launcher.engines import default_file, read_engines
from services.launcher.errors import AlreadyRunning, CannotStart
from services.launcher.health import grpc_serves, http_serves
from services.launcher.lock import FolderLock
from services.launcher.plan import Plan, is_free, make_plan

__all__ = ["AlreadyRunning", "CannotStart", "Launcher", "default_file"]
log = logging.getLogger(__name__)
START_SECONDS = 180.0
STOP_SECONDS = 12.0
WATCH_SECONDS = 0.2
HOPELESS_CRASHES = 3


class Launcher:
    """Runs a hub from `data`.

    Args:
        data: folder of databases, objects, keys and logs.
        host: address on which page and API listen.
        port: their port; 0 means a free one.
        engines: says which engines of a cluster run on this machine; None for the embedded ones.
    """

    def __init__(self, data: Path, host: str = "127.0.0.1", port: int = 0, engines: Path | None = None) -> None:
        self.data = data.resolve()
        self._host, self._port = host, port
        self._engines = engines
        self._done = threading.Event()
        self._children: list[Child] = []

    def run(self, announce: Callable[[str], None]) -> int:
        """Starts everything, calls `announce` with the address, serves until SIGTERM or SIGINT.

        Raises:
            AlreadyRunning: another hub runs from this folder.
            CannotStart: a service does not come up, the port is taken, or the engines do not run.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._done.set())
        with FolderLock(self.data):
            plan = self._prepare()
            try:
                self._start(plan)
                if not self._done.is_set():
                    announce(plan.url)
                self._watch(plan)
            finally:
                self._stop()
        return 0

    def _prepare(self) -> Plan:
        if self._port and not is_free(self._host, self._port):
            raise CannotStart(f"Port {self._port} is taken.", hint="Leave --port out for a free one, or name another.")
        for folder in ("db", "objects", "logs", "bases"):
            (self.data / folder).mkdir(parents=True, exist_ok=True)
        for service in SERVICES:  # all keys before the first start: a verifier reads them once
            ensure_keys(self.data / "keys", service)
        return make_plan(self.data, self._host, self._port)

    def _start(self, plan: Plan) -> None:
        chosen = {**os.environ, **(read_engines(self._engines) if self._engines else {})}
        try:
            certificate = load(SERVICES[0], plan.environment(chosen, SERVICES[0])).tls
        except ValueError as error:
            raise CannotStart(f"{error}.", hint="docs/operate.md has all settings.") from error
        logs = self.data / "logs"
        self._children = [Child(name, plan.environment(chosen, name), logs) for name in SERVICES]
        for child in self._children:
            child.start()
        self._write_hub_file(plan)
        deadline = time.monotonic() + START_SECONDS
        for child in self._children:
            self._await(child, partial(grpc_serves, plan.addresses[child.name], certificate), deadline, plan)
        gateway = next(c for c in self._children if c.name == "gateway")
        self._await(gateway, lambda: http_serves(plan.url), deadline, plan)

    def _await(self, child: Child, serves: Callable[[], bool], deadline: float, plan: Plan) -> None:
        while not self._done.is_set() and not serves():
            self._tend(plan)
            if child.restarts >= HOPELESS_CRASHES or time.monotonic() > deadline:
                log = self.data / "logs" / f"{child.name}.jsonl"
                raise CannotStart(f"The service {child.name} does not start:\n{child.last_words()}", hint=f"See {log}.")

    def _watch(self, plan: Plan) -> None:
        while not self._done.wait(WATCH_SECONDS):
            self._tend(plan)

    def _tend(self, plan: Plan) -> None:
        restarted = [child.name for child in self._children if child.tend()]
        if restarted:
            self._write_hub_file(plan)

    def _stop(self) -> None:
        for child in reversed(self._children):
            child.ask_to_stop()
        deadline = time.monotonic() + STOP_SECONDS
        for child in reversed(self._children):
            child.wait(deadline)
        (self.data / "hub.json").unlink(missing_ok=True)

    def _write_hub_file(self, plan: Plan) -> None:
        """`hub.json`: where everything is, for the command line and for operators."""
        content = {
            "url": plan.url,
            "pid": os.getpid(),
            "services": {
                c.name: {
                    "address": plan.addresses[c.name],
                    "metrics": f"http://{plan.metrics[c.name]}/metrics",
                    "pid": c.pid,
                    "restarts": c.restarts,
                }
                for c in self._children
            },
        }
        temporary = self.data / "hub.json.new"
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
        os.replace(temporary, self.data / "hub.json")
