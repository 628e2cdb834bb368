"""`voicehub-admin gc`: the operator's command for what nobody holds any more."""

from __future__ import annotations

from pathlib import Path

import click

from services.catalog.collecting import GRACE_SECONDS, Collector
from services.catalog.store.tables import FreedRow
from services.common.admin.place import database_at, settings_at
from services.common.objects import open_store


@click.command(name="gc")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--grace", type=float, default=GRACE_SECONDS, show_default=True, help="Seconds a new object is kept.")
def group(data: Path | None, grace: float) -> None:
    """Remove objects of versions that no repository holds any more.

    The hub may run meanwhile; its catalog does the same once an hour.
    """
    database = database_at("catalog", data, FreedRow.__tablename__)
    done = Collector(database, open_store(settings_at("catalog", data).objects_url), grace).collect()
    click.echo(f"✓ {done.versions} versions let go of, {done.objects} objects removed, {done.waiting} wait.")
