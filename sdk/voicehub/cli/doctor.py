"""`voicehub doctor`: what is missing, and how to get it."""

from __future__ import annotations

from collections.abc import Iterator

import click

from voicehub.checking import Check, check_hub, check_machine, check_speech, reach, verdict
from voicehub.cli.context import Context, command
from voicehub.client import Client
from voicehub.home import home

SIGNS = {"ok": "✓", "missing": "✗", "optional": "·"}


@click.command()
@command
def doctor(context: Context) -> int:
    """Look at this machine and the hub; speak a sentence in each language. Exit code 1: something is missing."""
    checks: list[Check] = []
    with context.client() as client:
        for check in _look(client):
            checks.append(check)
            context.out.say(f"{SIGNS[check.state]} {check.name}: {check.message}")
            if check.remedy:
                context.out.say(f"    → {check.remedy}")
    context.out.answer(checks)
    return verdict(checks)


def _look(client: Client) -> Iterator[Check]:
    yield from check_machine()
    hub, bases = reach(client)
    yield hub
    if hub.state == "ok":
        yield from check_hub(client, bases)
    yield from check_speech(client.cache, home() / "doctor", bases)
