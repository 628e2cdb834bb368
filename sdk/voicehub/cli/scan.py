"""`voicehub scan`: what is in these files? No hub needed, nothing in them is ever run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from voicehub.cli.context import Context, command
from voicehub.errors import Missing
from voicehub.scanning import ScanResult, exit_code, scan_paths


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@command
def scan(context: Context, paths: tuple[Path, ...]) -> int:
    """Scan model files or folders. Exit code 0: all clean; 1: something is not; 5: something cannot be read."""
    try:
        results = scan_paths(paths)
    except ImportError as error:
        raise Missing(f"Scanning needs the package {error.name}.", hint="pip install 'voicehub[local]'") from error
    context.out.answer([_json(result) for result in results])
    for result in results:
        context.out.say(f"{'✓' if result.verdict == 'clean' else '✗'} {result.path}: {result.verdict}")
        for finding in result.findings:
            context.out.say(f"    {finding.severity}: {finding.message_en} [{finding.rule} at {finding.place}]")
    return exit_code(results)


def _json(result: ScanResult) -> dict[str, Any]:
    return {"path": str(result.path), "verdict": result.verdict, "findings": result.findings}
