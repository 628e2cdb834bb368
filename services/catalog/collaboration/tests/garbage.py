"""`python -m services.catalog.collaboration.tests.garbage DATA`: collects garbage without a pause, until it is killed.

What a version has let go of counts as old at once, so that objects are removed in the middle of everybody's work.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from sqlalchemy import select

from services.catalog.collecting import Collector
from services.catalog.store.tables import FreedRow
from services.common.database import Database
from services.common.objects import open_store

GRACE = 3600.0


def main() -> None:
    data, parent = Path(sys.argv[1]), os.getppid()
    database = Database(f"sqlite:///{data / 'db' / 'catalog.sqlite'}")
    collector = Collector(database, open_store(f"file://{data / 'objects'}"), GRACE)
    while os.getppid() == parent:
        with database.read() as session:
            freed = list(session.execute(select(FreedRow.area, FreedRow.digest)))
        for area, digest in freed:
            path = data / "objects" / area / digest[:2] / digest
            if path.exists():
                os.utime(path, (0, 0))
        collector.collect()


if __name__ == "__main__":
    main()
