"""`voicehub-admin events`: what could not be processed, and why; and another try for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from sqlalchemy import select

from services.common.admin.place import bus_at, found_database, not_started
from services.common.database import Database
from services.common.replay import replay
from services.common.settings import SERVICES
from services.common.tables import dead_letters


@click.group(name="events")
def group() -> None:
    """The event bus."""


@group.command(name="dead-letters")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--service", type=click.Choice(SERVICES), help="Only this service.")
@click.option("--history", is_flag=True, help="What the dead-letter topics of the bus hold, replayed or not.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(data: Path | None, service: str | None, history: bool, as_json: bool) -> None:
    """List events that were parked after their last attempt."""
    if history and service:
        raise click.UsageError("The topics know subscriptions, not services: leave --service out.")
    parked = _history(data) if history else _parked(data, service)
    if as_json:
        click.echo(json.dumps(parked, ensure_ascii=False))
        return
    for letter in parked:
        click.echo(f"{letter['time']}  {letter['subscription']}  {letter['type']}  {letter['key']}")
        click.echo(f"    {letter['event_id']}  {letter['reason']}")
    click.echo(f"{len(parked)} parked events")


@group.command(name="replay")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--service", type=click.Choice(SERVICES), help="Only this service.")
@click.option("--event", "only", help="Only the event with this id (default: all that are parked).")
def replay_parked(data: Path | None, service: str | None, only: str | None) -> None:
    """Send parked events again to the subscription that could not handle them."""
    sent = 0
    for database in _started(data, service).values():
        with database.write() as session:
            sent += len(replay(session, only))
    if only and not sent:
        raise click.ClickException(f"No parked event {only}; see voicehub-admin events dead-letters.")
    click.echo(f"{sent} events sent again; they are handled when the service runs.")


@group.command(name="lag")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show_lag(data: Path | None, as_json: bool) -> None:
    """List how many events each subscription has still to handle, by topic."""
    bus = bus_at(SERVICES[0], data)
    lags = [{"group": g, "topic": t, "lag": lag} for (g, t), lag in sorted(bus.lags().items())]
    bus.close()
    if as_json:
        click.echo(json.dumps(lags))
        return
    for one in lags:
        click.echo(f"{one['lag']:>8}  {one['group']}  {one['topic']}")


def _history(data: Path | None) -> list[dict[str, Any]]:
    bus = bus_at(SERVICES[0], data)
    letters = bus.parked()
    bus.close()
    return [
        {
            "time": letter.time.isoformat(),
            "subscription": letter.group,
            "event_id": letter.event.id,
            "topic": letter.event.topic,
            "key": letter.event.key,
            "type": letter.event.type,
            "reason": letter.reason,
        }
        for letter in letters
    ]


def _started(data: Path | None, service: str | None) -> dict[str, Database]:
    """The databases of the services, or of one, that have started once: a folder without any is no hub's."""
    names = [service] if service else SERVICES
    started = {name: one for name in names if (one := found_database(name, data, dead_letters.name))}
    if not started:
        raise not_started()
    return started


def _parked(data: Path | None, service: str | None) -> list[dict[str, Any]]:
    return [letter for name, database in _started(data, service).items() for letter in _letters(name, database)]


def _letters(service: str, database: Database) -> Iterator[dict[str, Any]]:
    with database.read() as session:
        for row in session.execute(select(dead_letters).order_by(dead_letters.c.time)).mappings():
            shown = {key: row[key] for key in ("subscription", "event_id", "topic", "key", "type", "reason")}
            yield {"service": service, "time": row["time"].isoformat(), **shown}
