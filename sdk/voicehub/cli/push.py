"""`voicehub push`: files on disk become a voice on the hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from voicehub.cli.context import Context, command
from voicehub.client import Client
from voicehub.errors import NotFound, Quarantined
from voicehub.models import Upload, Version
from voicehub.names import VoiceName, parse_name
from voicehub.pushing import Part, card_with, declaration_of, parse_part, prompt_entry, read_yaml, require_settings

SPOKEN = ("en", "zh", "yue", "ja", "ko")
"""The languages in which a prompt can be read."""

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("voice")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--card", type=PATH, help="voice.yaml: languages, tags, description, declaration.")
@click.option("--prompt", type=PATH, multiple=True, help="A wav/flac, best of 3 to 10 seconds, or a feature file.")
@click.option("--prompt-text", default="", help="What is said in the prompt.")
@click.option("--prompt-language", type=click.Choice(SPOKEN, case_sensitive=False), help="Its language.")
@click.option("--language", multiple=True, help="A language the voice speaks (BCP 47); several are possible.")
@click.option("--tag", multiple=True, help="A tag; several are possible.")
@click.option("--source", default="", help="Declaration: where the speech comes from.")
@click.option("--license", "license_", default="", help="Declaration: its licence (SPDX).")
@click.option("--consent", default="", help="Declaration: self, written-permission, public-domain, licensed.")
@click.option("--message", "-m", default="", help="What is new in this version.")
@click.option("--ref", default="", help="Branch to push to, made if it is not there (default: main).")
@click.option("--onto", default="", metavar="VERSION", help="Refuse if the branch has moved on since this version.")
@click.option("--private", is_flag=True, help="A new repository is visible to you alone.")
@click.option("--no-wait", is_flag=True, help="Do not wait for scan, export and publication.")
@command
def push(context: Context, voice: str, files: tuple[str, ...], **options: Any) -> int:
    """Push FILEs (.ckpt, .pth, or s1=PATH s2=PATH lexicon=PATH) as a new version of VOICE (owner/name[@branch]).

    Waits until the version is published (exit code 0), or quarantined (exit code 1, with every finding) or erased.
    """
    name = parse_name(voice)
    card = read_yaml(options["card"]) if options["card"] else {}
    declaration = declaration_of(card, options["source"], options["license_"], options["consent"])
    prompts = _prompt_entries(card, options)
    parts = [parse_part(f) for f in files] + [Part("prompt", p) for p in options["prompt"]]
    full = card_with(card, declaration, prompts, options["language"], options["tag"])
    with context.client() as client:
        uploads = _upload(context, client, parts)
        version = client.create_version(
            name,
            uploads,
            full,
            declaration,
            message=options["message"],
            private=options["private"],
            ref=options["ref"] or name.ref,
            onto=options["onto"],
        )
        context.out.note(f"version {version.id} is {version.state}")
        if not options["no_wait"]:
            version = follow(context, client, name, version.id)
    return conclude(context, name, version)


def follow(context: Context, client: Client, name: VoiceName, identifier: str) -> Version:
    """Waits at the end of the road and shows every station."""
    for state in client.states(name, identifier):
        context.out.note(f"  → {state}")
    return client.version(VoiceName(name.owner, name.name, identifier))


def conclude(context: Context, name: VoiceName, version: Version) -> int:
    """Shows how it ended; 0 or 1."""
    context.out.answer(version)
    for finding in version.findings:
        text = f"  {finding.severity}: {finding.message_en} [{finding.rule} at {finding.place}]"
        context.out.say(text)
    if version.state == "quarantined":
        if context.out.as_json:
            return Quarantined.exit_code
        raise Quarantined(
            f"{name} {version.id} is quarantined: {version.verdict}; nobody can download it.",
            hint="The findings say where and why. Push clean files.",
        )
    if version.state == "erased":
        if context.out.as_json:
            return NotFound.exit_code
        raise NotFound(f"{name} {version.id} was erased before it was published.", hint="Push it again.")
    context.out.say(f"✓ {name} {version.id} is {version.state}.")
    if version.not_auditionable:
        context.out.say(f"  It cannot be listened to here: {version.not_auditionable}")
    return 0


def _upload(context: Context, client: Client, parts: Sequence[Part]) -> list[tuple[Part, Upload]]:
    for part in parts:
        if not part.path.is_file():
            raise NotFound(f"There is no file {part.path}.", hint="Check the path.")
        require_settings(part)
    with context.out.transfer(", ".join(part.path.name for part in parts)) as on_bytes:
        uploads = client.upload_all([part.path for part in parts], on_bytes)
    return list(zip(parts, uploads, strict=True))


def _prompt_entries(card: dict[str, Any], options: dict[str, Any]) -> list[dict[str, str]]:
    listed = {str(p.get("file")): p for p in card.get("prompts") or () if isinstance(p, dict)}
    entries = []
    for path in options["prompt"]:
        given = listed.get(path.name, {})
        text = options["prompt_text"] or str(given.get("text", ""))
        entries.append(prompt_entry(path, text, options["prompt_language"] or str(given.get("language", ""))))
    return entries
