"""`voicehub-admin backup DIR`: the whole hub into a folder, while it goes on working."""

from __future__ import annotations

from pathlib import Path

import click

from services.common.admin.place import database_at, settings_at
from services.common.backup.errors import BackupError
from services.common.backup.saving import back_up
from services.common.backup.shelf import BackupFolder
from services.common.settings import SERVICES
from services.common.tables import outbox


@click.command(name="backup")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--fresh", is_flag=True, help="Do not finish an interrupted backup: begin anew, of now.")
def group(directory: Path, data: Path | None, fresh: bool) -> None:
    """Back up every service's tables, all objects, keys and bases into DIRECTORY.

    A second backup into the same folder copies only new objects. One that was interrupted is finished by calling this
    again. DIRECTORY then holds private keys: keep it as you keep them.
    """
    database_at("catalog", data, outbox.name)
    settings = {service: settings_at(service, data) for service in SERVICES}
    try:
        cut = back_up(settings, BackupFolder(directory), lambda line: click.echo(f"  {line}"), fresh)
    except BackupError as error:
        raise click.ClickException(f"{error}\n{error.hint}") from error
    except OSError as error:
        raise click.ClickException(f"{error}\nMend that and call this again: it goes on where it stopped.") from error
    click.echo(f"✓ {directory}: {cut.id}")
