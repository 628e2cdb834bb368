"""`python -m services.scanner`."""

from __future__ import annotations

from pathlib import Path

from services.common import settings
from services.common.runtime import run
from services.scanner.bootstrap import bootstrap

if __name__ == "__main__":
    raise SystemExit(run(settings.load("scanner"), Path(__file__).parent / "migrations", bootstrap))
