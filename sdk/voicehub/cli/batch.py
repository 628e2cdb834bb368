"""`voicehub batch`: a list of lines by some voices, spoken on the hub, as one zip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
from blake3 import blake3

from voicehub.batches import Batch, Batches, Estimate, Plan
from voicehub.cli.bounds import Finite
from voicehub.cli.context import Context, command
from voicehub.client import Client
from voicehub.errors import NotFound, Refused, Unreadable
from voicehub.home import home, write_private
from voicehub.names import parse_name
from voicehub.uploads import file_digest

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("list_", metavar="LIST", type=PATH)
@click.option(
    "--voice", "-v", "voices", multiple=True, required=True, help="owner/name[@ref][#prompt]; several may be."
)
@click.option("--out", "-o", type=PATH, help="The zip (default: LIST with .zip).")
@click.option("--estimate", is_flag=True, help="Only say what it would cost, and which lines would be refused.")
@click.option("--language", default="", help="Of lines that name none (default: the voice's first).")
@click.option("--format", "form", default="wav", show_default=True, type=click.Choice(["wav", "flac", "mp3"]))
@click.option("--list-format", default="", type=click.Choice(["", "jsonl", "csv", "srt", "epub"]), help="By content.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="The same seed, the same files.")
@click.option("--speed", default=1.0, show_default=True, type=Finite(0.25, 4.0), help="1 is natural.")
@click.option("--delete", is_flag=True, help="Remove the batch from the hub once its zip is here.")
@click.option("--again", is_flag=True, help="Make a new batch, even if one of the same list was not fetched yet.")
@command
def batch(context: Context, list_: Path, voices: tuple[str, ...], **options: Any) -> int:
    """Speak every line of LIST (JSONL, CSV, SRT, EPUB) by every voice on the hub.

    Interrupted with Ctrl-C, the hub goes on; the same command then follows the same batch.
    """
    if not list_.is_file():
        raise NotFound(f"There is no file {list_}.", hint="Check the path.")
    for voice in voices:
        parse_name(voice.partition("#")[0])
    plan = Plan(voices, options["language"], options["form"], options["seed"], options["speed"], options["list_format"])
    with context.client() as client:
        if options["estimate"]:
            return _estimate(context, client, list_, plan)
        note = _note(client, list_, plan)
        if options["again"]:
            note.unlink(missing_ok=True)
        made = _followed(context, client.batches, _begun(context, client, list_, plan, note))
        code = _fetched(context, client.batches, made, options["out"] or list_.with_suffix(".zip"), note)
        if options["delete"]:
            client.batches.delete(made.id)
        return code


def _estimate(context: Context, client: Client, list_: Path, plan: Plan) -> int:
    with context.out.transfer(list_.name) as on_bytes:
        upload = client.upload(list_, on_bytes)
    found = client.batches.estimate(plan, upload)
    _say(context, found)
    context.out.answer(found)
    return 0 if found.takes else 1


def _say(context: Context, found: Estimate) -> None:
    say = context.out.say
    say(f"{found.lines} lines ({found.list_format}), {found.takes} takes, {found.characters:,} characters")
    say(f"about {found.audio_seconds:,.0f} s of audio in {found.machine_seconds:,.0f} s of the hub's machine")
    for voice in found.voices:
        say(f"  {voice.name}: {voice.audio_seconds:,.0f} s in {voice.machine_seconds:,.0f} s; {voice.source}")
    for one in found.refusals[:10]:
        say(f"  ✗ line {one.number} ({one.line}), {one.voice}: {one.reason}")
    if found.refused:
        say(f"  {found.refused} takes would be refused; the others are spoken.")


def _note(client: Client, list_: Path, plan: Plan) -> Path:
    """Where it is written down which batch this command began."""
    asked = json.dumps([client.url, client.me().name, file_digest(list_) if list_.stat().st_size else "", vars(plan)])
    return home() / "batches" / f"{blake3(asked.encode()).hexdigest()[:32]}.json"


def _begun(context: Context, client: Client, list_: Path, plan: Plan, note: Path) -> Batch:
    """The batch that was begun before, taken up again if it was cancelled, or a new one."""
    try:
        known = client.batches.get(str(json.loads(note.read_text(encoding="utf-8"))["id"]))
    except (OSError, ValueError, KeyError, NotFound):
        with context.out.transfer(list_.name) as on_bytes:
            upload = client.upload(list_, on_bytes)
        made = client.batches.create(plan, upload)
        write_private(note, json.dumps({"id": made.id}))
        return made
    context.out.note(f"Going on with batch {known.id}.")
    return client.batches.resume(known.id) if known.state == "cancelled" else known


def _followed(context: Context, batches: Batches, begun: Batch) -> Batch:
    last = begun
    try:
        with context.out.steps() as steps:
            for last, takes in batches.watch(begun.id):
                fraction = (last.done + last.failed) / max(last.total, 1)
                steps.update("speak", fraction, f"{last.done} of {last.total} takes, {last.seconds:,.0f} s of audio")
                for take in (take for take in takes if take.error):
                    context.out.note(f"  ✗ line {take.number} ({take.line}), {take.voice}: {take.error}")
                for take in (take for take in takes if take.left_out):
                    context.out.left_out(take.left_out, f"line {take.number} ({take.line}), {take.voice}: ")
    except KeyboardInterrupt:
        context.out.note(f"The hub goes on with batch {begun.id}; the same command follows it again.")
        raise
    return batches.get(last.id)


def _fetched(context: Context, batches: Batches, made: Batch, out: Path, note: Path) -> int:
    if made.state == "cancelled":
        raise Refused(f"The batch {made.id} was cancelled.", hint="The same command takes it up again.")
    if made.zip is None:
        raise Unreadable(f"The batch {made.id} has no zip.", hint="Run the same command again.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with context.out.transfer(out.name) as on_bytes:
        batches.fetch(made, out, on_bytes)
    note.unlink(missing_ok=True)
    context.out.say(f"✓ {made.done} takes, {made.seconds:,.1f} s of audio in {out}")
    if made.failed:
        context.out.say(f"✗ {made.failed} takes failed; manifest.jsonl in the zip says why")
    context.out.answer({"file": str(out), "batch": made})
    return 0 if made.done else 1
