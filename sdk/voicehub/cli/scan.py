"""`voicehub scan`: what is in these files? No hub needed, nothing in them is ever run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from voicehub.cli.context import Context, command
from voicehub.errors import Missing


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@command
def scan(context: Context, paths: tuple[Path, ...]) -> int:
    """Scan model files or folders. Exit code 0: all clean; 1: something is not; 5: something cannot be read."""
    try:
        from voicescan import cli_scan
    except ImportError as error:
        raise Missing(f"Scanning needs the package {error.name}.", hint="pip install 'voicehub[local]'") from error
    reports, code = cli_scan(paths)
    context.out.answer(reports)
    for report in reports:
        _tell(context, report)
    if not reports:
        context.out.say("There is no file in what you named.")
    return code


def _tell(context: Context, report: Mapping[str, Any]) -> None:
    tensors, sign = report["tensors"], "✓" if report["verdict"] == "clean" else "✗"
    holds = f", {tensors['count']} tensors, {tensors['bytes'] / 1e6:.1f} MB" if tensors["count"] else ""
    context.out.say(f"{sign} {report['path']}: {report['verdict']} ({report['format']}{holds})")
    for finding in report["findings"]:
        place = finding["place"]
        where = place["entry"] if place["offset"] is None else f"{place['entry']}@{place['offset']}"
        context.out.say(f"    {finding['severity']}: {finding['message_en']} [{finding['rule']} at {where}]")
