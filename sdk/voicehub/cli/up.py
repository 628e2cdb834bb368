"""`voicehub up`: the whole hub on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from voicehub import home
from voicehub.cli.context import Context, command
from voicehub.errors import Missing


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="Data folder (default: $VOICEHUB_DATA, else $VOICEHUB_HOME/hub).",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the page and the API (default: a free one)."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--engines",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="On Kafka, PostgreSQL and S3 instead of files: those of `make engines-up`, or those that FILE names.",
)
@command
def up(context: Context, data: Path | None, port: int, host: str, engines: str | None) -> int:
    """Start the five services of a hub and keep them running until Ctrl-C."""
    try:
        from services.launcher.launcher import AlreadyRunning, CannotStart, Launcher, default_file
    except ImportError as error:
        hint = "pip install 'voicehub[hub]'  (with voices made on this hub: 'voicehub[hub,train]')"
        raise Missing(f"A hub needs the package {error.name}.", hint=hint) from error
    file = None if engines is None else Path(engines or default_file())
    launcher = Launcher(data or home.hub_folder(), host, port, file)
    try:
        return launcher.run(lambda address: _announce(context, address, launcher.data))
    except (AlreadyRunning, CannotStart) as error:
        raise Missing(str(error), hint=error.hint) from error


def _announce(context: Context, address: str, data: Path) -> None:
    context.out.answer({"url": address, "data": str(data)})
    context.out.say(f"✓ The hub is up: {address}")
    context.out.say(f"  data and logs: {data}    stop: Ctrl-C")
