"""`voicehub-admin events`: what could not be processed, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from sqlalchemy import inspect, select

from services.common.admin.place import settings_at
from services.common.database import Database
from services.common.settings import SERVICES
from services.common.tables import dead_letters


@click.group(name="events")
def group() -> None:
    """The event bus."""


@group.command(name="dead-letters")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: VOICEHUB_DATA).")
@click.option("--service", type=click.Choice(SERVICES), help="Only this service.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(data: Path | None, service: str | None, as_json: bool) -> None:
    """List events that were parked after their last attempt."""
    parked = [letter for name in ([service] if service else SERVICES) for letter in _letters(data, name)]
    if as_json:
        click.echo(json.dumps(parked, ensure_ascii=False))
        return
    for letter in parked:
        click.echo(f"{letter['time']}  {letter['service']}  {letter['type']}  {letter['key']}\n    {letter['reason']}")
    click.echo(f"{len(parked)} parked events")


def _letters(data: Path | None, service: str) -> Iterator[dict[str, Any]]:
    database = Database(settings_at(service, data).database_url)
    if not inspect(database.engine).has_table(dead_letters.name):
        return
    with database.read() as session:
        for row in session.execute(select(dead_letters).order_by(dead_letters.c.time)).mappings():
            shown = {key: row[key] for key in ("subscription", "event_id", "topic", "key", "type", "reason")}
            yield {"service": service, "time": row["time"].isoformat(), **shown}
