"""`python -m services.catalog`."""

from __future__ import annotations

from pathlib import Path

from services.catalog.bootstrap import bootstrap
from services.common import settings
from services.common.runtime import run

MIGRATIONS = Path(__file__).parent / "migrations"

if __name__ == "__main__":
    raise SystemExit(run(settings.load("catalog"), MIGRATIONS, bootstrap))
