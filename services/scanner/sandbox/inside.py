"""Runs in the pod of a ScanJob: `python -m services.scanner.sandbox.inside FOLDER`.

The pod is the outer wall (no token, no network, no rights, one folder of one volume); the inner wall is the same as
everywhere. Without it nothing is run.
"""

from __future__ import annotations

import sys
from pathlib import Path

from services.scanner.sandbox import errand
from services.scanner.sandbox.channel import Channel, Frame
from services.scanner.sandbox.job import SandboxUnavailable
from services.scanner.sandbox.runner import Sandbox


def main(folder: Path) -> int:
    """Exit code 0 once an outcome is written, whatever it says."""
    job = errand.read_job(folder)
    with (folder / errand.RESULT / errand.FRAMES).open("wb") as file:
        channel = Channel(file)

        def forward(frame: Frame) -> None:
            channel.send(frame.header, frame.pieces())

        try:
            said = errand.outcome_json(Sandbox(outer_wall=False).run(job, forward))
        except SandboxUnavailable as error:
            said = {"refused": str(error)}
    errand.write_outcome(folder, said)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
