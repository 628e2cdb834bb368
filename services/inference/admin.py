"""`voicehub-admin base`: the operator's commands for bases."""

from __future__ import annotations

import json
from pathlib import Path

import click

from services.common.admin.place import found_database, settings_at
from services.common.tables import outbox
from services.inference.announcing import announce
from services.inference.base_adding import add as add_bases
from services.inference.base_sources import located
from services.inference.registry import BaseRefused, BaseRegistry, RegisteredBase


@click.group(name="base")
def group() -> None:
    """Content encoders, BERT and starting weights of this hub."""


@group.command(name="add")
@click.argument("sources", nargs=-1, required=True)
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--name", default="", help="What people see; default: the name of the folder or file.")
@click.option("--license", "license_name", default="", help="SPDX identifier.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def add(sources: tuple[str, ...], data: Path | None, name: str, license_name: str, as_json: bool) -> None:
    """Scan and register bases: a HuBERT or BERT folder, stage files, or a folder with base.json.

    Each is a path, or a name on a model hub: OWNER/NAME[/FOLDER or /FILE][@REVISION].
    """
    settings = settings_at("inference", data)
    try:
        found = [located(source) for source in sources]
        added = add_bases(BaseRegistry(settings.bases), found, name, license_name)
    except BaseRefused as refused:
        raise click.ClickException(str(refused)) from refused
    if database := found_database("inference", data, outbox.name):  # else no voice waits for them
        announce(database, added)
    _print(added, as_json)


@group.command(name="ls")
@click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(data: Path | None, as_json: bool) -> None:
    """List the registered bases."""
    _print(BaseRegistry(settings_at("inference", data).bases).all(), as_json)


def _print(bases: list[RegisteredBase], as_json: bool) -> None:
    if as_json:
        listed = [{"digest": b.digest, "name": b.name, "kind": b.kind, "family": b.family} for b in bases]
        click.echo(json.dumps(listed, ensure_ascii=False))
        return
    for base in bases:
        click.echo(f"{base.digest}  {base.kind:16} {base.family:8} {base.name}")
