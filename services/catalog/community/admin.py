"""`voicehub-admin moderators`: who may read reports and take voices down."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import select

from services.catalog.community import moderation
from services.catalog.community.tables import ModeratorRow
from services.common.admin.place import database_at
from services.common.clock import now
from services.common.database import Database

OPERATOR = "operator"
DATA = click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")


@click.group(name="moderators")
def group() -> None:
    """Who reads reports and decides about them."""


@group.command(name="add")
@DATA
@click.argument("account")
def add(data: Path | None, account: str) -> None:
    """Make ACCOUNT a moderator."""
    with _database(data).write() as session:
        if not moderation.is_moderator(session, account):
            session.add(ModeratorRow(account=account, create_time=now()))
            moderation.log(session, OPERATOR, "moderator.add", account)
    click.echo(f"✓ {account} is a moderator.")


@group.command(name="remove")
@DATA
@click.argument("account")
def remove(data: Path | None, account: str) -> None:
    """ACCOUNT is a moderator no more."""
    with _database(data).write() as session:
        row = session.get(ModeratorRow, account)
        if row is None:
            raise click.ClickException(f"{account} is no moderator; see voicehub-admin moderators ls.")
        session.delete(row)
        moderation.log(session, OPERATOR, "moderator.remove", account)
    click.echo(f"✓ {account} is no moderator any more.")


@group.command(name="ls")
@DATA
def ls(data: Path | None) -> None:
    """List the moderators."""
    with _database(data).read() as session:
        for account in session.scalars(select(ModeratorRow.account).order_by(ModeratorRow.account)):
            click.echo(account)


def _database(data: Path | None) -> Database:
    return database_at("catalog", data, ModeratorRow.__tablename__)
