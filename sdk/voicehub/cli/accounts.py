"""`voicehub signup` and `voicehub login`."""

from __future__ import annotations

import os
import sys

import click

from voicehub import home
from voicehub.cli.context import Context, command
from voicehub.errors import UsageError

ORGANISATIONS = (
    "Of an organisation without another administrator, the member with the greatest role becomes one; "
    "an organisation without other members is dissolved, and its voices are erased too."
)


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


@click.group()
def account() -> None:
    """Your account."""


@account.command()
@click.option("--yes", "name", default="", metavar="NAME", help="Do not ask: the name of the account confirms it.")
@click.option("--password", help="Asked for if absent; or $VOICEHUB_PASSWORD, or a line on standard input.")
@command
def erase(context: Context, name: str, password: str | None) -> int:
    """Erase your account for good, with its voices, recordings and batches, here and in forks.

    What you wrote to others stays, as by a removed account. An organisation without another administrator is led by
    its member with the greatest role from then on; one without other members is dissolved, and its voices go too.
    """
    with context.client() as client:
        me = client.me().name
        if not name:
            click.echo(ORGANISATIONS, err=True)
            name = str(click.prompt(f"This erases {me} and all its voices. Write its name to go on", err=True))
        if name != me:
            raise UsageError(f"You are {me}, not {name!r}.", hint="Nothing was erased.")
        pseudonym = client.access.erase_account(me, _password(password, confirm=False))
        home.forget(client.url)
    context.out.answer({"erased": me, "pseudonym": pseudonym})
    context.out.say(f"✓ {me} is erased; what others keep of it is by {pseudonym}.")
    return 0


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
