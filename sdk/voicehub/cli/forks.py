"""`voicehub fork`, `sync`, `lineage`."""

from __future__ import annotations

from pathlib import Path

import click

from voicehub.cli.context import Context, command


@click.command()
@click.argument("voice")
@click.option("--into", default=None, metavar="OWNER/NAME", help="Where to (default: your account, the same name).")
@click.option("--private", is_flag=True, help="Only those with a role see it.")
@command
def fork(context: Context, voice: str, into: str | None, private: bool) -> None:
    """Fork VOICE (owner/name[@ref]): a repository of yours at the same version. No byte is copied."""
    with context.client() as client:
        made = client.forks.make(voice, into, private=private)
    context.out.answer(made)
    context.out.say(f"✓ {made.owner}/{made.name} is your fork of {voice}. Push to it, then: voicehub pr open.")


@click.command()
@click.argument("voice")
@command
def sync(context: Context, voice: str) -> None:
    """Bring the fork VOICE (owner/name[@branch]) up to date with its upstream."""
    with context.client() as client:
        ref, moved = client.forks.sync(voice)
    context.out.answer({"ref": ref, "moved": moved})
    context.out.say(f"✓ {ref.name} is {ref.version}." if moved else f"✓ {ref.name} has all that the upstream has.")


@click.command()
@click.argument("voice")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Write the picture to this file.")
@command
def lineage(context: Context, voice: str, svg: Path | None) -> None:
    """Tell where VOICE (owner/name) comes from and what came of it."""
    from gptsovits.whole import write_whole

    with context.client() as client:
        found = client.forks.lineage(voice)
        if svg is not None:
            write_whole(svg, client.forks.picture(voice), follow=True)
            context.out.note(f"the picture is in {svg}")
    context.out.answer(found)
    names = {n["id"]: f"{n['owner']}/{n['name']}" for n in found["nodes"] if n["kind"] == "repository"}
    for edge in found["edges"]:
        if edge["kind"] == "fork":
            context.out.say(f"{names.get(edge['child'], '(deleted)')} ← {names.get(edge['parent'], '(deleted)')}")
    for node in found["nodes"]:
        if node["kind"] == "version":
            told = "erased" if node.get("erased") else ", ".join(node["refs"])
            context.out.say(f"{node['id']}  {node['author']}  {told}")
