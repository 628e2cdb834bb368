"""`voicehub issue`: what people find wrong or missing in a voice."""

from __future__ import annotations

import click

from voicehub.cli.context import Context, command
from voicehub.community import Issue

NUMBER = click.argument("number", type=click.IntRange(1))


@click.group()
def issue() -> None:
    """Issues of a voice: open them, talk about them, close them."""


@issue.command(name="ls")
@click.argument("voice")
@click.option("--state", default="open", show_default=True, type=click.Choice(["open", "closed", "all"]))
@click.option("--label", default="", help="Only with this label.")
@command
def list_issues(context: Context, voice: str, state: str, label: str) -> int:
    """List the issues of VOICE. Exit code 1: there are none."""
    with context.client() as client:
        found = list(client.community.issues(voice, state, label))
    context.out.answer(found)
    context.out.table(
        ["", "STATE", "TITLE", "BY", "LABELS"],
        [[f"#{one.number}", one.state, one.title, one.author, ", ".join(one.labels)] for one in found],
    )
    return 0 if found else 1


@issue.command(name="open")
@click.argument("voice")
@click.argument("title")
@click.option("--body", default="", help="More about it.")
@command
def open_issue(context: Context, voice: str, title: str, body: str) -> None:
    """Open an issue of VOICE."""
    with context.client() as client:
        _done(context, client.community.open_issue(voice, title, body))


@issue.command()
@click.argument("voice")
@NUMBER
@command
def show(context: Context, voice: str, number: int) -> None:
    """Show an issue with all that was said."""
    with context.client() as client:
        found = client.community.issue(voice, number)
        comments = list(client.community.issue_comments(voice, number))
    context.out.answer({"issue": found, "comments": comments})
    context.out.say(f"#{found.number} {found.title}  ({found.state}, by {found.author})")
    if found.labels:
        context.out.say(f"  labels: {', '.join(found.labels)}")
    for line in filter(None, [found.body, *(f"{one.author}: {one.text}" for one in comments)]):
        context.out.say(f"  {line}")


@issue.command()
@click.argument("voice")
@NUMBER
@click.argument("text")
@command
def comment(context: Context, voice: str, number: int, text: str) -> None:
    """Say TEXT about an issue."""
    with context.client() as client:
        said = client.community.comment_issue(voice, number, text)
    context.out.answer(said)
    context.out.say("✓ Said.")


@issue.command()
@click.argument("voice")
@NUMBER
@command
def close(context: Context, voice: str, number: int) -> None:
    """Close an issue."""
    with context.client() as client:
        _done(context, client.community.change_issue(voice, number, state="closed"))


@issue.command()
@click.argument("voice")
@NUMBER
@command
def reopen(context: Context, voice: str, number: int) -> None:
    """Open a closed issue again."""
    with context.client() as client:
        _done(context, client.community.change_issue(voice, number, state="open"))


@issue.command()
@click.argument("voice")
@NUMBER
@click.argument("labels", nargs=-1)
@command
def label(context: Context, voice: str, number: int, labels: tuple[str, ...]) -> None:
    """Give an issue LABELS in place of those it has."""
    with context.client() as client:
        _done(context, client.community.change_issue(voice, number, labels=labels))


def _done(context: Context, found: Issue) -> None:
    context.out.answer(found)
    context.out.say(f"✓ #{found.number} {found.title} ({found.state})")
