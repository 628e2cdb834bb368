"""`voicehub-admin restore DIR`: a backup into an empty hub, of whatever engines."""

from __future__ import annotations

from pathlib import Path

import click

from services.catalog.search.keeper import ask
from services.common.admin.place import settings_at
from services.common.backup.errors import BackupError
from services.common.backup.restoring import restore
from services.common.backup.shelf import BackupFolder
from services.common.database import Database
from services.common.settings import SERVICES


@click.command(name="restore")
@click.argument("directory", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--cut", "name", default="", help="The moment to go back to, a name below cuts/ (default: the newest).")
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["keys", "bases", "uploads", "provenance"]),
    help="Files that come from elsewhere: keys, where they are a Secret.",
)
def group(directory: Path, data: Path | None, name: str, without: tuple[str, ...]) -> None:
    """Restore a backup into an empty hub, before its services start.

    Every object and file is checked against its digest. Called again after an interruption it goes on.
    """
    settings = {service: settings_at(service, data) for service in SERVICES}
    folder = BackupFolder(directory)
    try:
        cut = folder.newest(name)
        restore(settings, folder, cut, lambda line: click.echo(f"  {line}"), without)
    except BackupError as error:
        raise click.ClickException(f"{error}\n{error.hint}") from error
    except OSError as error:
        raise click.ClickException(f"{error}\nMend that and call this again: it goes on where it stopped.") from error
    ask(Database(settings["catalog"].database_url))  # an index of another time shall not answer
    click.echo(f"✓ the hub is as it was at {cut.id}; start it")
