"""The port of the sandbox: what runs a job behind walls. VOICEHUB_SANDBOX_URL chooses the adapter.

`local://` runs it on this machine (bubblewrap outside, Landlock and seccomp inside). `kubernetes://namespace?volume=DIR`
makes a ScanJob of it: one pod without token and network, with the same inner wall; DIR is where this service has
mounted the volume of the scans.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from services.scanner.sandbox.channel import Frame
from services.scanner.sandbox.job import Job, Outcome

Receive = Callable[[Frame], None]


class Walls(Protocol):
    """Runs one of our programs over bytes that nobody trusts."""

    @property
    def has_outer_wall(self) -> bool:
        """Whether the outer wall stands here."""
        ...

    def run(self, job: Job, receive: Receive) -> Outcome:
        """Runs the job to its end; `receive` gets every frame of the program.

        Raises:
            SandboxUnavailable: a wall that the job needs does not stand here.
        """
        ...


def open_sandbox(url: str) -> Walls:
    """The adapter that the URL names; ValueError for another scheme or a missing part."""
    parts = urlsplit(url)
    if parts.scheme == "local":
        from services.scanner.sandbox.runner import Sandbox

        return Sandbox()
    if parts.scheme == "kubernetes":
        from services.common.kubernetes import Kubernetes
        from services.scanner.sandbox.cluster import ClusterSandbox

        volume = parse_qs(parts.query).get("volume", [""])[0]
        if not parts.hostname or not volume:
            raise ValueError("VOICEHUB_SANDBOX_URL names no volume; use kubernetes://namespace?volume=/path")
        return ClusterSandbox(Kubernetes(parts.hostname, "scanjobs"), Path(volume))
    raise ValueError(f"VOICEHUB_SANDBOX_URL: unknown scheme {parts.scheme!r}; use local:// or kubernetes://")
