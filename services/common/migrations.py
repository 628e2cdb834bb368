"""Alembic, run by the program itself: a service brings its own database forward before it serves.

Every revision only adds (services/common/tests/test_migrations.py reads them all), so that the program before it still
works on the tables after it: an upgrade can be rolled back without touching the data, and during a rolling upgrade old
and new processes work side by side. A database from a newer program is therefore left as it is.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from services.common.database import Database

log = logging.getLogger(__name__)


class UnknownRevision(Exception):
    """A revision that this program does not have."""


def scripts_of(service: str) -> Path:
    """The Alembic folder of a service, found without importing it."""
    spec = find_spec(f"services.{service}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"services.{service} is not installed here.")
    return Path(spec.origin).parent / "migrations"


def upgrade(database: Database, scripts: Path, to: str = "head") -> str:
    """Brings the schema to revision `to` of `scripts` (an Alembic folder with `env.py`); answers where it is then.

    A schema that is further already stays as it is. UnknownRevision if `to` is none of this program.
    """
    config = Config()
    config.set_main_option("script_location", str(scripts))
    with database.write() as session:  # processes that start together queue here
        connection = session.connection()
        known = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]
        if to != "head" and to not in known:
            raise UnknownRevision(to)
        at = revision(connection)
        if at and at not in known:
            log.warning("the database is of a newer program", extra={"revision": at, "scripts": str(scripts)})
            return at
        if at and to != "head" and known.index(at) >= known.index(to):
            return at
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        return revision(connection)


def revision(connection: Connection) -> str:
    """The revision at which a schema is; '' for an empty one."""
    return MigrationContext.configure(connection).get_current_revision() or ""
