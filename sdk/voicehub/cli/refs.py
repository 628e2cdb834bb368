"""`voicehub log`, `refs`, `branch`, `tag`, `protect`: the history of a voice and the names in it."""

from __future__ import annotations

from itertools import islice
from typing import Literal

import click

from voicehub.cli.context import Context, command
from voicehub.client import Client
from voicehub.collaboration import Protection, Ref
from voicehub.errors import NotFound, UsageError
from voicehub.names import VoiceName, parse_name


@click.command()
@click.argument("voice")
@click.option("-n", "--number", default=20, show_default=True, type=click.IntRange(1), help="Versions at most.")
@command
def log(context: Context, voice: str, number: int) -> None:
    """Tell what led to VOICE (owner/name[@ref]), newest first."""
    name = parse_name(voice)
    with context.client() as client:
        versions = list(islice(client.refs.history(name), number))
        names: dict[str, list[str]] = {}
        for ref in client.refs.all(name):
            names.setdefault(ref.version, []).append(ref.name)
    context.out.answer(versions)
    for version in versions:
        when = f"{version.create_time:%Y-%m-%d %H:%M}" if version.create_time else ""
        here = f" ({', '.join(names[version.id])})" if version.id in names else ""
        state = "" if version.state == "published" else f"  {version.state}"
        context.out.say(f"{version.id}{here}  {when}  {version.author}{state}")
        for line in version.message.strip().splitlines():
            context.out.say(f"    {line}")


@click.command()
@click.argument("voice")
@command
def refs(context: Context, voice: str) -> None:
    """List branches, tags and heads of pull requests of VOICE (owner/name)."""
    with context.client() as client:
        found = client.refs.all(voice)
    context.out.answer(found)
    context.out.table(["REF", "KIND", "VERSION", "TIP", ""], [_row(ref) for ref in found])


@click.command()
@click.argument("voice")
@click.argument("name")
@click.option("--at", default="", metavar="REF", help="The version to name (default: that of VOICE, else main).")
@click.option("--force", is_flag=True, help="Also if versions are left behind; needs the role maintain.")
@click.option("--delete", is_flag=True, help="Take the name away.")
@command
def branch(context: Context, voice: str, name: str, at: str, force: bool, delete: bool) -> None:
    """Make the branch NAME of VOICE (owner/name[@ref]), or move it."""
    _change(context, voice, name, at, "branch", force=force, delete=delete)


@click.command()
@click.argument("voice")
@click.argument("name")
@click.option("--at", default="", metavar="REF", help="The version to name (default: that of VOICE, else main).")
@click.option("--delete", is_flag=True, help="Take the name away.")
@command
def tag(context: Context, voice: str, name: str, at: str, delete: bool) -> None:
    """Give a version of VOICE (owner/name[@ref]) the NAME, which stays where it is."""
    _change(context, voice, name, at, "tag", force=False, delete=delete)


@click.command()
@click.argument("voice")
@click.option("--approvals", default=0, type=click.IntRange(0, 10), help="People who must approve a pull request.")
@click.option("--similarity-drop", default=0.0, help="No merge that lowers the similarity by more (0: no limit).")
@click.option("--intelligibility-drop", default=0.0, help="Nor the intelligibility (1 - word error rate).")
@click.option("--lift", is_flag=True, help="Let pushes reach it directly again.")
@command
def protect(
    context: Context, voice: str, approvals: int, similarity_drop: float, intelligibility_drop: float, lift: bool
) -> None:
    """Let the branch of VOICE (owner/name[@branch]) move by pull requests only."""
    name = parse_name(voice)
    rules = None if lift else Protection(approvals, similarity_drop, intelligibility_drop)
    with context.client() as client:
        made = client.refs.protect(name, name.ref or "main", rules)
    context.out.answer(made)
    context.out.say(f"✓ {made.name} is {'protected' if made.protected else 'open to pushes'}.")


def _change(
    context: Context, voice: str, ref: str, at: str, kind: Literal["branch", "tag"], *, force: bool, delete: bool
) -> None:
    name = parse_name(voice)
    if delete and (at or force):
        raise UsageError("What is taken away needs no --at and no --force.")
    with context.client() as client:
        present = _present(client, name, ref)
        if delete:
            client.refs.delete(name, ref, _deletable(present, name, ref, kind).tip)
            context.out.answer({"deleted": ref})
            context.out.say(f"✓ {ref} is gone; its versions stay.")
            return
        seen = present.tip if present and kind == "branch" else ""
        made = client.refs.put(name, ref, at or name.ref or "main", seen, kind=kind, force=force)
    context.out.answer(made)
    context.out.say(f"✓ {made.name} is {made.version}.")


def _present(client: Client, name: VoiceName, ref: str) -> Ref | None:
    return next((found for found in client.refs.all(name) if found.name == ref), None)


def _deletable(present: Ref | None, name: VoiceName, ref: str, kind: str) -> Ref:
    """The ref, if there is one of that kind; NotFound or UsageError otherwise."""
    if present is None:
        hint = f"See what there is: voicehub refs {name.owner}/{name.name}."
        raise NotFound(f"{name.owner}/{name.name} has no {kind} {ref}.", hint=hint)
    if present.kind != kind:
        hint = f"voicehub {present.kind} {name.owner}/{name.name} {ref} --delete" if present.kind != "pull" else ""
        raise UsageError(f"{ref} is no {kind} but a {present.kind}.", hint=hint)
    return present


def _row(ref: Ref) -> list[str]:
    pending = "" if ref.tip == ref.version else ref.tip
    return [ref.name, ref.kind, ref.version, pending, "protected" if ref.protected else ""]
