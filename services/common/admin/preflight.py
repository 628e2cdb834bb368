"""`voicehub-admin preflight`: is everything there that a hub needs? One line a thing, one error for what is not."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import click

from services.common.admin import checks
from services.common.admin.checks import Check, Problem
from services.common.admin.place import settings_at
from services.common.settings import SERVICES


@click.command(name="preflight")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--gpu", is_flag=True, help="Also: is there a GPU here, for trainings?")
def group(data: Path | None, gpu: bool) -> None:
    """Look at names, storage, engines and their credentials, keys and certificates before the hub starts."""
    failed = 0
    for check in planned(data, gpu, os.environ):
        try:
            check.look()
        except Problem as problem:
            failed += 1
            click.echo(f"✗ {check.name}: {problem}\n    {problem.hint}")
        else:
            click.echo(f"✓ {check.name}")
    if failed:
        raise click.ClickException(f"{failed} of these must be mended before the hub can start.")


def planned(data: Path | None, gpu: bool, environment: Mapping[str, str]) -> Iterator[Check]:
    """What there is to look at, the cheap and telling things first."""
    settings = settings_at(SERVICES[0], data)
    urls = {
        "VOICEHUB_DATABASE_URL": settings.database_url,
        "VOICEHUB_EVENTS_URL": settings.events_url,
        "VOICEHUB_OBJECTS_URL": settings.objects_url,
        "VOICEHUB_SEARCH_URL": environment.get("VOICEHUB_SEARCH_URL", ""),
        "VOICEHUB_INFERENCE_URL": settings.inference_url,
    }
    for variable, url in urls.items():
        if servers := checks.host_ports(url):
            where = ", ".join(f"{host}:{port}" for host, port in servers)
            yield Check(f"names: {where}", partial(checks.names, variable, url))
            yield Check(f"reachable: {where}", partial(checks.reachable, variable, url))
    yield Check(f"storage: {settings.data}", partial(checks.data_folder, settings))
    for service in SERVICES:
        yield Check(f"database: {service}", partial(checks.database, settings_at(service, data)))
    yield Check("objects", partial(checks.objects, settings))
    yield Check("events", partial(checks.events, settings))
    yield Check("keys", partial(checks.keys, settings))
    if settings.tls:
        yield Check("certificate", partial(checks.certificate, settings.tls))
    if gpu:
        yield Check("gpu", checks.gpu)
