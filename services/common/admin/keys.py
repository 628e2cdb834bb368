"""`voicehub-admin keys`: the keys with which services sign who calls, as a Secret of a cluster."""

from __future__ import annotations

import base64
import json
import tempfile
from pathlib import Path

import click

from services.common.identity import ensure_keys
from services.common.settings import SERVICES


@click.group(name="keys")
def group() -> None:
    """The signing keys of the services."""


@group.command(name="secret")
@click.option("--name", default="voicehub-keys", show_default=True, help="Of the Secret.")
@click.option(
    "--from", "folder", type=click.Path(path_type=Path, exists=True), help="A hub's keys folder (default: new keys)."
)
def secret(name: str, folder: Path | None) -> None:
    """Print a Secret with the keys of all services, for `kubectl apply -f -`. Keep a copy outside the cluster."""
    with tempfile.TemporaryDirectory() as fresh:
        click.echo(json.dumps(manifest(name, folder or Path(fresh)), indent=1))


def manifest(name: str, folder: Path) -> dict[str, object]:
    """The Secret of a keys folder; keys that are not there are made there."""
    data: dict[str, str] = {}
    for service in SERVICES:
        ensure_keys(folder, service)
        for key, path in ((service, folder), (f"public-{service}", folder / "public")):
            data[f"{key}.pem"] = base64.b64encode((path / f"{service}.pem").read_bytes()).decode()
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "data": data}
