"""Two walls around hostile bytes.

Inner wall, everywhere and without privilege: Landlock, a seccomp allow-list with a supervisor that records what was
tried, rlimits, no_new_privs, not root. Outer wall: bubblewrap (own pid, network, mount and
IPC namespaces, read-only root).
"""

from services.scanner.sandbox.channel import Channel
from services.scanner.sandbox.job import Attempt, Job, Limits, Outcome, SandboxUnavailable
from services.scanner.sandbox.port import Walls, open_sandbox
from services.scanner.sandbox.runner import Sandbox

__all__ = ["Attempt", "Channel", "Job", "Limits", "Outcome", "Sandbox", "SandboxUnavailable", "Walls", "open_sandbox"]
