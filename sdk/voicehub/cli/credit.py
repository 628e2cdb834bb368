"""`voicehub credits` and `voicehub gift`: what voices earn, and what training and batches cost."""

from __future__ import annotations

from itertools import islice

import click

from voicehub.cli.context import Context, command
from voicehub.credits import CreditEntry


@click.command(name="credits")
@click.option("--entries", "count", default=10, show_default=True, type=click.IntRange(0), help="Lines at most.")
@command
def show_credits(context: Context, count: int) -> None:
    """Show your credits: what you can spend, what is set aside, and the last lines of your statement."""
    with context.client() as client:
        found = client.credits.get()
        entries = list(islice(client.credits.entries(), count))
    context.out.answer({"credits": found, "entries": entries})
    context.out.say(f"{found.balance:,} credits, {found.reserved:,} more set aside for work under way")
    if not found.charging:
        context.out.say("This hub charges for nothing.")
    context.out.table(["WHEN", "WHAT", "CREDITS", "BALANCE", "OF"], [_row(entry) for entry in entries])


@click.command()
@click.argument("account")
@click.argument("amount", type=click.IntRange(1))
@click.option("--note", default="", help="A word with it.")
@command
def gift(context: Context, account: str, amount: int, note: str) -> None:
    """Give AMOUNT of your credits to ACCOUNT."""
    with context.client() as client:
        left = client.credits.give(account, amount, note)
    context.out.answer(left)
    context.out.say(f"✓ {account} has {amount:,} credits more; you have {left.balance:,} left.")


def _row(entry: CreditEntry) -> list[str]:
    when = entry.create_time.strftime("%Y-%m-%d %H:%M") if entry.create_time else ""
    what = f"{entry.reference} {entry.note}".strip()
    return [when, entry.kind, f"{entry.amount:+,}", f"{entry.balance:,}", what]
