"""Alembic, run by the program itself: a service brings its own database forward before it serves."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

from services.common.database import Database


def upgrade(database: Database, scripts: Path) -> None:
    """Brings the schema to the newest revision in `scripts` (an Alembic folder with `env.py`)."""
    config = Config()
    config.set_main_option("script_location", str(scripts))
    with database.write() as session:  # processes that start together queue here
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
