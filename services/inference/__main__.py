"""`python -m services.inference`."""

from __future__ import annotations

from pathlib import Path

from services.common import settings
from services.common.memory import keep_freed, share_arenas
from services.common.runtime import run
from services.inference.bootstrap import bootstrap

if __name__ == "__main__":
    share_arenas()
    keep_freed()
    raise SystemExit(run(settings.load("inference"), Path(__file__).parent / "migrations", bootstrap))
