"""`voicehub-admin database`: what the services need on a PostgreSQL server before their first start."""

from __future__ import annotations

import os

import click
from psycopg import sql
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL, make_url

from services.common.settings import SERVICES, load


@click.group(name="database")
def group() -> None:
    """The system of record."""


@group.command(name="prepare")
@click.option(
    "--admin-url", required=True, help="Of a role that may create roles and databases: postgresql+psycopg://…"
)
def prepare_command(admin_url: str) -> None:
    """Make the database, and for each service a role and a schema that no other service may touch.

    VOICEHUB_DATABASE_URL says what they are called: postgresql+psycopg://{service}:PASSWORD@HOST/voicehub.
    """
    wanted = os.environ.get("VOICEHUB_DATABASE_URL", "")
    if "{service}" not in wanted:
        raise click.UsageError("Set VOICEHUB_DATABASE_URL with {service} as the name of the role.")
    prepare(admin_url, wanted)
    click.echo(f"✓ {make_url(wanted).database}: {', '.join(SERVICES)}")


def prepare(admin_url: str, wanted: str) -> None:
    """Does it; what is there already stays, with its password as `wanted` says."""
    roles = {service: make_url(load(service, {"VOICEHUB_DATABASE_URL": wanted}).database_url) for service in SERVICES}
    database = make_url(wanted).database or "voicehub"
    admin = make_url(admin_url)
    server = create_engine(admin, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        if not _there(connection, "SELECT 1 FROM pg_database WHERE datname = :name", database):
            _run(connection, "CREATE DATABASE {}", database)
        for url in roles.values():
            if not _there(connection, "SELECT 1 FROM pg_roles WHERE rolname = :name", url.username or ""):
                _run(connection, "CREATE ROLE {} LOGIN", url.username or "")
            _password(connection, url)
        _run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", database)
        for url in roles.values():
            _run(connection, "GRANT CONNECT ON DATABASE {} TO {}", database, url.username or "")
    server.dispose()
    inside = create_engine(admin.set(database=database), isolation_level="AUTOCOMMIT")
    with inside.connect() as connection:
        for url in roles.values():  # a schema of the role's name is first in its search path
            _run(connection, "CREATE SCHEMA IF NOT EXISTS {}", url.username or "")
            _run(connection, "ALTER SCHEMA {} OWNER TO {}", url.username or "", url.username or "")
    inside.dispose()


def _there(connection: Connection, query: str, name: str) -> bool:
    return connection.execute(text(query), {"name": name}).first() is not None


def _run(connection: Connection, statement: str, *names: str) -> None:
    """A statement with identifiers, quoted by the driver."""
    written = sql.SQL(statement).format(*map(sql.Identifier, names))
    connection.exec_driver_sql(written.as_string())


def _password(connection: Connection, url: URL) -> None:
    written = sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(url.username or ""), sql.Literal(url.password))
    connection.exec_driver_sql(written.as_string().replace("%", "%%"))
