"""`voicehub report`, `takedowns`, `appeal`, and for moderators `voicehub moderate`."""

from __future__ import annotations

import click

from voicehub.cli.context import Context, command


@click.command()
@click.argument("voice")
@click.argument("reason")
@command
def report(context: Context, voice: str, reason: str) -> None:
    """Tell the moderators why VOICE should be looked at; nobody else reads it."""
    with context.client() as client:
        made = client.community.report(voice, reason)
    context.out.answer({"report_id": made})
    context.out.say("✓ The moderators will look at it.")


@click.command()
@command
def takedowns(context: Context) -> int:
    """List take-downs of your voices (moderators: all). Exit code 1: there are none."""
    with context.client() as client:
        found = list(client.community.takedowns())
    context.out.answer(found)
    rows = [
        [one.id, f"{one.owner}/{one.name}", "restored" if one.end_time else "hidden", one.appeal_state, one.reason]
        for one in found
    ]
    context.out.table(["ID", "VOICE", "STATE", "APPEAL", "WHY"], rows)
    return 0 if found else 1


@click.command()
@click.argument("takedown")
@click.argument("text")
@command
def appeal(context: Context, takedown: str, text: str) -> None:
    """Say TEXT against a TAKEDOWN of your voice; you may once."""
    with context.client() as client:
        found = client.community.appeal(takedown, text)
    context.out.answer(found)
    context.out.say("✓ The moderators will read it.")


@click.group()
def moderate() -> None:
    """For moderators: read reports and decide."""


@moderate.command()
@click.option("--state", default="open", show_default=True, type=click.Choice(["open", "dismissed", "taken-down"]))
@command
def queue(context: Context, state: str) -> int:
    """List the reports, oldest first. Exit code 1: there are none."""
    with context.client() as client:
        found = list(client.community.reports(state))
    context.out.answer(found)
    rows = [[one.id, f"{one.owner}/{one.name}", one.reporter, one.reason] for one in found]
    context.out.table(["ID", "VOICE", "BY", "WHY"], rows)
    return 0 if found else 1


@moderate.command()
@click.argument("report_id", metavar="REPORT")
@click.option("--note", default="", help="Why.")
@command
def dismiss(context: Context, report_id: str, note: str) -> None:
    """Dismiss a report."""
    with context.client() as client:
        context.out.answer(client.community.decide_report(report_id, "dismiss", note))
    context.out.say("✓ Dismissed.")


@moderate.command(name="take-down")
@click.argument("report_id", metavar="REPORT")
@click.option("--note", required=True, help="Why; the owner reads it.")
@command
def take_down(context: Context, report_id: str, note: str) -> None:
    """Hide the reported voice from everybody at once."""
    with context.client() as client:
        found = client.community.decide_report(report_id, "take-down", note)
    context.out.answer(found)
    context.out.say(f"✓ {found.owner}/{found.name} is hidden; its owner was told.")


@moderate.command()
@click.argument("takedown")
@click.option("--note", default="", help="What the owner is answered.")
@command
def restore(context: Context, takedown: str, note: str) -> None:
    """Show again what was taken down."""
    with context.client() as client:
        found = client.community.decide_takedown(takedown, "restore", note)
    context.out.answer(found)
    context.out.say(f"✓ {found.owner}/{found.name} is shown again.")


@moderate.command()
@click.argument("takedown")
@click.option("--note", required=True, help="What the owner is answered.")
@command
def uphold(context: Context, takedown: str, note: str) -> None:
    """Answer an appeal with no."""
    with context.client() as client:
        context.out.answer(client.community.decide_takedown(takedown, "uphold", note))
    context.out.say("✓ The owner was answered.")
