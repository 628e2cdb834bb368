"""`voicehub finetune`: twenty lines of one's own on top of somebody's voice, into a fork."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from voicehub.cli.context import Context, command
from voicehub.cli.push import conclude, follow
from voicehub.cli.train import finished
from voicehub.client import Client
from voicehub.errors import NotFound, UsageError
from voicehub.lines import SHOWN, WANTED, Line, read_lines, recording, transcript
from voicehub.models import Declaration, Upload, Version
from voicehub.names import VoiceName, parse_name
from voicehub.pushing import declaration_of

KEPT = ("gender", "age", "persona", "emotions", "styles", "timbres", "tags")
PATH = click.Path(path_type=Path)


@click.command()
@click.argument("voice")
@click.argument("lines", type=PATH, required=False)
@click.option("--recording", "recorded", type=PATH, help="One file in which all lines are read, in their order.")
@click.option("--show", is_flag=True, help="Only print twenty lines to read.")
@click.option("--name", default="", help="Of the fork (default: as the voice).")
@click.option("--language", "-l", default="en", show_default=True, help="Of the lines.")
@click.option("--source", default="", help="Declaration: where your audio comes from.")
@click.option("--license", "license_", default="", help="Declaration: its licence (default: that of the voice).")
@click.option("--consent", default="", help="Declaration: self, written-permission, public-domain, licensed.")
@click.option("--private", is_flag=True, help="A new fork is visible to you alone.")
@click.option("--quick", is_flag=True, help="A shorter fine-tune and evaluation.")
@command
def finetune(
    context: Context, voice: str, lines: Path | None, recorded: Path | None, show: bool, **options: Any
) -> int:
    """Tune VOICE (owner/name[@ref]) on LINES of your own; the result is a version of your fork of it.

    LINES is a text, one line a line, or JSONL with `text` and `audio`. With --recording they are read in that file;
    without LINES these are the lines of --show. Text alone is spoken by the voice itself: terms it shall know.
    """
    if show:
        context.out.answer(list(SHOWN))
        for text in SHOWN:
            context.out.say(text)
        return 0
    if lines is None and recorded is None:
        raise UsageError("What shall it learn from?", hint="Give LINES, or --recording with the lines of --show.")
    source, said = parse_name(voice), _lines(context, lines)
    for path in [recorded] if recorded else [line.audio for line in said]:
        if path is not None and not path.is_file():
            raise NotFound(f"There is no file {path}.", hint="Check the path.")
    with context.client() as client:
        version = client.version(source)
        declaration = _declared(version, said, recorded, options)
        upload = _upload(context, client, source, said, recorded, options)
        fork = _fork(context, client, source, options)  # not before there is something to learn from
        card = {name: version.card[name] for name in KEPT if version.card.get(name)}
        job = client.train(
            fork.name, upload, transcript(said), options["language"], declaration, card=card,
            private=options["private"], quick=options["quick"], based_on=f"{source.owner}/{source.name}@{version.id}",
        )  # fmt: skip
        tuned = follow(context, client, fork, finished(context, client, job).version_id)
    return conclude(context, fork, tuned)


def _lines(context: Context, lines: Path | None) -> list[Line]:
    if lines is not None and not lines.is_file():
        raise NotFound(f"There is no file {lines}.", hint="Check the path.")
    said = read_lines(lines) if lines is not None else [Line(text) for text in SHOWN]
    if len(said) < WANTED:
        context.out.note(f"{len(said)} of {WANTED} lines that are recommended.")
    return said


def _declared(version: Version, said: list[Line], recorded: Path | None, options: dict[str, Any]) -> Declaration:
    """One declares one's own audio; of the voice's own output its own declaration holds."""
    base = version.declaration
    own = recorded is not None or said[0].audio is not None
    license_ = options["license_"] or base.license
    if own:
        return declaration_of({}, options["source"], license_, options["consent"])
    spoken = f"own output of {version.owner}/{version.name}, made from: {base.source}"
    return declaration_of({}, options["source"] or spoken, license_, options["consent"] or base.consent)


def _fork(context: Context, client: Client, source: VoiceName, options: dict[str, Any]) -> VoiceName:
    """The fork that there is, or a new one; one's own voice is tuned where it is."""
    target = VoiceName(client.me().name, options["name"] or source.name)
    if (target.owner, target.name) == (source.owner, source.name):
        return target
    try:
        client.repository(target)
    except NotFound:
        client.forks.make(source, target, private=options["private"])
        context.out.note(f"{target} is a fork of {source}.")
    return target


def _upload(
    context: Context,
    client: Client,
    source: VoiceName,
    said: list[Line],
    recorded: Path | None,
    options: dict[str, Any],
) -> Upload:
    if recorded is not None:
        with context.out.transfer(recorded.name) as on_bytes:
            return client.upload(recorded, on_bytes)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lines.wav"
        path.write_bytes(recording(said, lambda text: _heard(context, client, source, text, options["language"])))
        with context.out.transfer(path.name) as on_bytes:
            return client.upload(path, on_bytes)


def _heard(context: Context, client: Client, source: VoiceName, text: str, language: str) -> bytes:
    spoken = client.speech(str(source), text, language)
    context.out.left_out(spoken.left_out)
    return spoken.content
