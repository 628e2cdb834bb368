"""The worker process of one job: `python -m services.trainer.worker FOLDER`; progress as JSON lines on its output."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

from gptsovits.pipeline.refusal import RecordingRefused
from gptsovits.pipeline.run import Progress, Request, run
from services.common.processes import die_with_parent
from services.trainer.domain.endings import REFUSED

log = logging.getLogger(__name__)


def main() -> int:
    """Runs the pipeline in the job's folder; exit code 0, or `REFUSED` or 1 with a failure line."""
    die_with_parent()
    folder = Path(sys.argv[1])
    request = Request.from_json(json.loads((folder / "request.json").read_text()), folder / "recording")
    try:
        report = run(request, folder, lambda progress: _say(_progress(progress)))
    except RecordingRefused as refusal:
        _say({"failure": f"{refusal.message} {refusal.hint}"})
        return REFUSED
    except Exception as error:  # edge of the process: the log has it whole, the owner gets one sentence
        log.exception("training failed")
        _say({"failure": f"Training failed: {error}. Resume the job to try again.", "cause": str(error)})
        return 1
    _say({"report": report})
    return 0


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "step": progress.step, "fraction": progress.fraction, "message": progress.message,
        "figures": dict(progress.figures),
    }  # fmt: skip


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
