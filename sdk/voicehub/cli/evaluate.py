"""`voicehub evaluate`: how good a version is, and what changes against another."""

from __future__ import annotations

import threading
from pathlib import Path

import click

from voicehub.cli.context import Context, command
from voicehub.client import Client
from voicehub.errors import TrainingFailed
from voicehub.evaluations import Evaluation

PACE_SECONDS = 1.0


@click.command()
@click.argument("voice")
@click.option("--against", default="", help="owner/name[@ref] to compare with; it is evaluated, too.")
@click.option("--audio", type=click.Path(path_type=Path), help="A folder for what the judges heard.")
@command
def evaluate(context: Context, voice: str, against: str, audio: Path | None) -> None:
    """Evaluate VOICE (owner/name[@ref]): similarity to its reference, word errors, predicted opinion."""
    with context.client() as client:
        names = [name for name in (voice, against) if name]
        for name in names:
            client.evaluations.ask(name)
        found = {name: _ended(context, client, name) for name in names}
        for name, one in found.items():
            _say(context, name, one)
            _keep(client, name, one, audio)
        if not against:
            context.out.answer(found[voice])
            return
        comparison = client.evaluations.compare(against, voice)
    context.out.answer(comparison)
    for figure in comparison.differences:
        if (change := comparison.of(figure)) is not None:
            context.out.say(f"  {figure}: {change.mean:+.3f}  (95 %: {change.low:+.3f} to {change.high:+.3f})")


def _ended(context: Context, client: Client, name: str) -> Evaluation:
    pause, found = threading.Event(), client.evaluations.get(name)
    with context.out.steps() as steps:
        while not found.final:
            steps.update("evaluate", 0.0, f"{name}: {found.state}")
            pause.wait(PACE_SECONDS)
            found = client.evaluations.get(name)
        steps.update("evaluate", 1.0, f"{name}: {found.state}")
    if found.state == "failed":
        raise TrainingFailed(f"{name}: {found.failure}", hint="Mend it and ask again.")
    return found


def _say(context: Context, name: str, found: Evaluation) -> None:
    context.out.say(f"{name} in {len(found.sentences)} sentences ({found.language}):")
    for figure, value in found.figures.items():
        context.out.say(f"  {figure} {value:.3f}  ({found.tools.get(figure, '')})")
    for figure, why in found.missing.items():
        context.out.say(f"  {figure}: not measured. {why}")


def _keep(client: Client, name: str, found: Evaluation, folder: Path | None) -> None:
    from gptsovits.whole import write_whole

    if folder is None:
        return
    own = folder / name.replace("/", "--").replace("@", "--")
    own.mkdir(parents=True, exist_ok=True)
    for number, sentence in enumerate(found.sentences, start=1):
        if sentence.audio is not None:
            write_whole(own / f"{number:02}.wav", client.evaluations.audio(name, sentence.audio.digest))
            write_whole(own / f"{number:02}.txt", sentence.text + "\n")
