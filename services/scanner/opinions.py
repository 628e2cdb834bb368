"""Second opinions: picklescan and modelscan on the uploads, behind the walls like everything that reads them."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

from services.common.objects import Area, ObjectStore
from services.scanner.sandbox import Job, Limits, SandboxUnavailable, Walls
from services.scanner.sandbox.channel import Frame
from services.scanner.store import Upload
from services.scanner.workplace import workplace

WORKER = "services.scanner.workers.opinions"
TOOLS = ("picklescan", "modelscan")
LIMITS = Limits(cpu_seconds=60, wall_seconds=60.0)
CHECKPOINT_ROLES = ("s1", "s2")
_LONGEST = 2000


class SecondOpinions:
    """Asks each tool that is installed."""

    def __init__(self, objects: ObjectStore, sandbox: Walls) -> None:
        self._objects, self._sandbox = objects, sandbox

    def ask(self, uploads: Sequence[Upload]) -> dict[str, str]:
        """What each tool says of the checkpoints, by tool."""
        return {tool: self._ask_one(tool, uploads) for tool in TOOLS if importlib.util.find_spec(tool) is not None}

    def _ask_one(self, tool: str, uploads: Sequence[Upload]) -> str:
        said: list[str] = []

        def receive(frame: Frame) -> None:
            said.append(str(frame.header.get("text", ""))[:_LONGEST])

        with workplace() as place:
            files = []
            for index, upload in enumerate(u for u in uploads if u["role"] in CHECKPOINT_ROLES):
                try:
                    path = place.lay(
                        self._objects, Area.QUARANTINE, upload["digest"], f"{index}/{_plain(upload['filename'])}"
                    )
                except KeyError:
                    continue
                files.append({"path": str(path), "filename": upload["filename"]})
            argument = {"tool": tool, "files": files}
            try:
                outcome = self._sandbox.run(Job(WORKER, argument, place.inputs, LIMITS), receive)
            except SandboxUnavailable as error:
                return f"not asked: {error}"
        if not outcome.finished:
            said.append(f"did not finish ({outcome.status})")
        return "; ".join(said) or "nothing to read"


def _plain(filename: str) -> str:
    """A harmless name with the same ending: these tools go by the ending."""
    ending = filename.rsplit(".", 1)[-1].lower() if "." in filename else ""
    return f"upload.{ending}" if ending.isalnum() and len(ending) <= 12 else "upload"
