"""`voicehub train`: a recording becomes a voice, on the hub or on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click
from blake3 import blake3

from voicehub.cli.context import Context, command
from voicehub.cli.push import conclude, follow
from voicehub.client import Client
from voicehub.errors import NotFound, TrainingFailed, UsageError
from voicehub.home import home
from voicehub.lines import read_text
from voicehub.models import Declaration, Job
from voicehub.names import VoiceName, parse_name
from voicehub.pushing import declaration_of, read_yaml
from voicehub.training import Recording, train_here

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("voice")
@click.argument("recording", type=PATH)
@click.option("--transcript", "-t", required=True, help="What is said, exactly: the words, or @FILE.")
@click.option("--language", "-l", required=True, help="Language of the recording (BCP 47), such as en.")
@click.option("--card", type=PATH, help="voice.yaml: age, gender, persona, emotions, styles, declaration.")
@click.option("--source", default="", help="Declaration: where the recording comes from.")
@click.option("--license", "license_", default="", help="Declaration: its licence (SPDX).")
@click.option("--consent", default="", help="Declaration: self, written-permission, public-domain, licensed.")
@click.option("--private", is_flag=True, help="A new repository is visible to you alone.")
@click.option("--quick", is_flag=True, help="A shorter fine-tune and evaluation.")
@click.option("--local", is_flag=True, help="Train on this machine; only weights are sent, no audio.")
@command
def train(context: Context, voice: str, recording: Path, **options: Any) -> int:
    """Train VOICE (owner/name) from RECORDING: at least 30 seconds of one clean voice, one minute is recommended."""
    name = parse_name(voice)
    card = read_yaml(options["card"]) if options["card"] else {}
    declaration = declaration_of(card, options["source"], options["license_"], options["consent"])
    if not recording.is_file():
        raise NotFound(f"There is no file {recording}.", hint="Check the path.")
    speech = Recording(recording, _transcript(options["transcript"]), options["language"])
    way = _here if options["local"] else _on_the_hub
    return way(context, name, speech, declaration, card, options)


def _on_the_hub(
    context: Context, name: VoiceName, speech: Recording, declaration: Declaration, card: dict[str, Any], options: Any
) -> int:
    with context.client() as client:
        with context.out.transfer(speech.path.name) as on_bytes:
            upload = client.upload(speech.path, on_bytes)
        job = client.train(
            name.name, upload, speech.transcript, speech.language, declaration,
            card=card, private=options["private"], quick=options["quick"],
        )  # fmt: skip
        version = follow(context, client, name, finished(context, client, job).version_id)
    return conclude(context, name, version)


def finished(context: Context, client: Client, job: Job) -> Job:
    """Shows how a job goes on until it has succeeded; TrainingFailed says why it did not."""
    with context.out.steps() as steps:
        for progress in client.progress(job.id):
            steps.update(progress.step, progress.fraction, progress.message)
    ended = client.job(job.id)
    if ended.state != "succeeded":
        raise TrainingFailed(ended.failure or f"The job {job.id} is {ended.state}.", hint="Mend it and train again.")
    return ended


def _here(
    context: Context, name: VoiceName, speech: Recording, declaration: Declaration, card: dict[str, Any], options: Any
) -> int:
    key = blake3(speech.path.read_bytes() + speech.transcript.encode()).hexdigest()[:16]
    folder = home() / "training" / f"{name.owner}--{name.name}-{key}"
    with context.out.steps() as steps:
        made = train_here(speech, declaration, card, folder, options["quick"], steps.update)
    with context.client() as client:
        uploads = [(part, client.upload(part.path)) for part in made.parts]
        version = client.create_version(
            name, uploads, made.card, declaration,
            message="Trained on the creator's machine", private=options["private"], figures=made.figures,
        )  # fmt: skip
        version = follow(context, client, name, version.id)
    code = conclude(context, name, version)
    if code == 0:
        shutil.rmtree(folder, ignore_errors=True)  # what a further try would have gone on with
    return code


def _transcript(given: str) -> str:
    named = given.startswith("@") and given.strip() != "@"
    said = read_text(Path(given[1:])) if named else given.removeprefix("@")
    if not said.strip():
        raise UsageError("What is said in the recording?", hint="Give its words, exactly: -t WORDS, or -t @FILE.")
    return said.strip()
