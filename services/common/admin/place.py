"""Which hub the operator means, and what of it is there: a look at a folder makes nothing in it."""

from __future__ import annotations

import os
from pathlib import Path

import click
from sqlalchemy import inspect

from services.common.database import Database
from services.common.events import EventBus, open_bus
from services.common.settings import Settings, load


def settings_at(service: str, data: Path | None) -> Settings:
    """The settings of a service; `data` wins over `VOICEHUB_DATA`."""
    return load(service, {**os.environ, "VOICEHUB_DATA": str(data)} if data else None)


def not_started() -> click.ClickException:
    """What is said where no hub has run."""
    return click.ClickException("This hub has not started yet: voicehub up, or --data with the folder of another.")


def found_database(service: str, data: Path | None, table: str) -> Database | None:
    """The database of a service that has started once, which shows by this table of it."""
    url = settings_at(service, data).database_url
    if _absent(url):
        return None
    database = Database(url)
    return database if inspect(database.engine).has_table(table) else None


def database_at(service: str, data: Path | None, table: str) -> Database:
    """As `found_database`; ClickException if the hub has not started."""
    database = found_database(service, data, table)
    if database is None:
        raise not_started()
    return database


def bus_at(service: str, data: Path | None) -> EventBus:
    """The bus of a hub that has started once; ClickException if it has not."""
    url = settings_at(service, data).events_url
    if _absent(url):
        raise not_started()
    return open_bus(url)


def _absent(url: str) -> bool:
    """Whether an embedded engine has no file yet, which opening it would make."""
    path = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite://") else None
    return path is not None and not path.exists()
