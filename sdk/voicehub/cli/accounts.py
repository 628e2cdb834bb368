"""`voicehub signup` and `voicehub login`."""

from __future__ import annotations

import os
import sys

import click

from voicehub import home
from voicehub.cli.context import Context, command
from voicehub.errors import UsageError


@click.command()
@click.argument("name")
@click.option("--password", help="Asked for if absent; or $VOICEHUB_PASSWORD, or a line on standard input.")
@command
def signup(context: Context, name: str, password: str | None) -> None:
    """Make the account NAME and log in."""
    secret = _password(password, confirm=True)
    with context.client() as client:
        client.signup(name, secret)
        _keep(context, client.url, name, client.login(name, secret))


@click.command()
@click.argument("name")
@click.option("--password", help="Asked for if absent; or $VOICEHUB_PASSWORD, or a line on standard input.")
@command
def login(context: Context, name: str, password: str | None) -> None:
    """Log in as NAME; the token is kept in $VOICEHUB_HOME for this hub."""
    with context.client() as client:
        _keep(context, client.url, name, client.login(name, _password(password, confirm=False)))


def _keep(context: Context, url: str, name: str, token: str) -> None:
    home.save(home.Login(url, name, token))
    context.out.say(f"✓ You are {name} on {url}.")
    context.out.answer({"hub": url, "account": name})


def _password(given: str | None, *, confirm: bool) -> str:
    secret = given or os.environ.get("VOICEHUB_PASSWORD")
    if secret:
        return secret
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=confirm, err=True))
    line = sys.stdin.readline().rstrip("\n")
    if not line:
        raise UsageError(
            "A password is needed.", hint="Give --password, $VOICEHUB_PASSWORD or a line on standard input."
        )
    return line
