"""`voicehub watch` and `voicehub notifications`."""

from __future__ import annotations

from itertools import islice

import click

from voicehub.cli.context import Context, command
from voicehub.community import Notice


@click.command()
@click.argument("voice")
@click.option("--remove", is_flag=True, help="Watch it no more.")
@command
def watch(context: Context, voice: str, remove: bool) -> None:
    """Be told what happens to VOICE: new versions, comments, issues, pull requests."""
    with context.client() as client:
        watchers = client.community.watch(voice, watching=not remove)
    context.out.answer({"watching": not remove, "watchers": watchers})
    context.out.say(f"✓ {voice} has {watchers} watchers.")


@click.command()
@click.option("--unread", is_flag=True, help="Only what you have not read.")
@click.option("--read", is_flag=True, help="Mark all as read.")
@click.option("--size", default=20, show_default=True, type=click.IntRange(1), help="Notices at most.")
@command
def notifications(context: Context, unread: bool, read: bool, size: int) -> int:
    """Tell what happened to your voices and to those you watch. Exit code 1: nothing."""
    with context.client() as client:
        found = list(islice(client.community.notices(unread=unread), size))
        if read and found:
            client.community.mark_read(max(notice.number for notice in found))  # what came since is not shown here
    context.out.answer(found)
    context.out.table(["", "WHEN", "VOICE", "WHAT", "BY", ""], [_row(notice) for notice in found])
    return 0 if found else 1


def _row(notice: Notice) -> list[str]:
    when = notice.create_time.strftime("%Y-%m-%d %H:%M") if notice.create_time else ""
    what = f"{notice.kind} {notice.subject[:12]}"
    first = notice.text.splitlines()[0] if notice.text else ""
    return ["" if notice.read else "●", when, f"{notice.owner}/{notice.name}", what, notice.actor, first[:60]]
