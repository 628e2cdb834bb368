"""`voicehub-admin migrate`: brings the databases of all services forward, before the new program serves."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy.exc import SQLAlchemyError

from services.common.admin.place import settings_at
from services.common.database import Database
from services.common.migrations import scripts_of, upgrade
from services.common.settings import SERVICES


@click.command(name="migrate")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--service", "chosen", multiple=True, type=click.Choice(SERVICES), help="Only these services.")
def group(data: Path | None, chosen: tuple[str, ...]) -> None:
    """Bring the databases forward. Doing it again changes nothing; a newer database is left as it is."""
    for service in chosen or SERVICES:
        database = Database(settings_at(service, data).database_url)
        try:
            click.echo(f"✓ {service}: {upgrade(database, scripts_of(service))}")
        except SQLAlchemyError as error:
            raise click.ClickException(
                f"The database of {service} cannot be brought forward: {error}\nCheck VOICEHUB_DATABASE_URL and that"
                " its role exists (voicehub-admin database prepare); then run this again, nothing was half done."
            ) from error
        finally:
            database.engine.dispose()
