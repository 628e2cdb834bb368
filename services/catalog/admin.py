"""`voicehub-admin search`: the operator's commands for the search index."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import click

from services.catalog.search.keeper import LOOK_SECONDS, ask
from services.catalog.store.tables import RebuildRow
from services.common.admin.place import database_at
from services.common.database import Database


@click.group(name="search")
def group() -> None:
    """The search index."""


@group.command(name="rebuild")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--wait", type=float, default=600.0, show_default=True, help="Seconds to wait until it is done.")
def rebuild(data: Path | None, wait: float) -> None:
    """Fill a new index from the tables and switch to it; searches are answered all the time.

    The running catalog does it. One that does not run does it when it starts.
    """
    database = database_at("catalog", data, RebuildRow.__tablename__)
    asked = ask(database)
    deadline = time.monotonic() + wait
    pause = threading.Event()
    while (row := _row(database, asked)).end_time is None:
        if time.monotonic() > deadline:
            click.echo("Asked for; the catalog does it when it runs and the engine answers.")
            return
        pause.wait(LOOK_SECONDS / 4)
    click.echo(f"✓ {row.voices} voices up to change {row.position} in {row.seconds:.1f} s")


def _row(database: Database, asked: str) -> RebuildRow:
    with database.read() as session:
        return session.get_one(RebuildRow, asked)
