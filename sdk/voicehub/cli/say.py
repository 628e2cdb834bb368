"""`voicehub say`: synthesis on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from voicehub import wav
from voicehub.cache import Cache
from voicehub.cli.context import Context, command
from voicehub.errors import NotFound, UsageError
from voicehub.names import VoiceName, parse_name
from voicehub.saying import Exactly, Said, Speaker

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("voice")
@click.argument("text", required=False, default="")
@click.option("--out", "-o", type=PATH, help="Write this file (.wav; .npy with --raw) instead of playing.")
@click.option("--language", default="", help="Language of the text (default: the voice's first).")
@click.option("--prompt", default="", help="Which prompt of the voice (default: its first).")
@click.option("--speed", default=1.0, show_default=True, type=click.FloatRange(0.25, 4.0), help="1 is natural.")
@click.option("--seed", type=int, help="The same seed gives the same speech.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1, 64), help="Threads per graph.")
@click.option("--features", type=PATH, help="Speak these phones and BERT features (.safetensors) instead of a text.")
@click.option("--greedy", is_flag=True, help="With --features: take the likeliest token.")
@click.option("--early-stop", default=-1, type=int, help="With --features: most tokens to generate.")
@click.option("--noise", type=PATH, help="With --features: recorded noise (.npy, .safetensors).")
@click.option("--noise-scale", default=0.5, show_default=True, type=float, help="With --features: share of the noise.")
@click.option("--raw", is_flag=True, help="The float32 wave before level, pause, 16 bit and label.")
@command
def say(context: Context, voice: str, text: str, **options: Any) -> None:
    """Speak TEXT with VOICE (owner/name[@ref]) on this machine; VOICE is pulled first if it is not here."""
    name = parse_name(voice)
    if bool(text) == bool(options["features"]):
        raise UsageError("What shall be said?", hint="Give a text, or --features.")
    if options["raw"] and not options["features"]:
        raise UsageError("--raw is for --features.", hint="Leave it out, or give --features.")
    speaker = _open(context, name, options)
    said = _exactly(speaker, options) if options["features"] else _text(speaker, text, options)
    _deliver(context, name, said, options["out"], options["raw"])


def _open(context: Context, name: VoiceName, options: dict[str, Any]) -> Speaker:
    cache = Cache()
    try:
        cache.find(name)
    except NotFound:
        with context.client() as client, context.out.transfer(str(name)) as on_bytes:
            client.pull(name, on_bytes=on_bytes)
    return Speaker(cache, name, prompt=options["prompt"], threads=options["threads"])


def _text(speaker: Speaker, text: str, options: dict[str, Any]) -> Said:
    return speaker.say(text, options["language"], seed=options["seed"], speed=options["speed"])


def _exactly(speaker: Speaker, options: dict[str, Any]) -> Said:
    keys = ("features", "noise", "greedy", "early_stop", "noise_scale", "seed")
    return speaker.say_exactly(Exactly(**{key: options[key] for key in keys}))


def _deliver(context: Context, name: VoiceName, said: Said, out: Path | None, raw: bool) -> None:
    if out:
        wav.write(out, said.wave, said.sample_rate, str(name), raw=raw)
        context.out.say(f"✓ {said.seconds:.2f} s in {out}")
    elif not context.out.as_json:
        wav.play(said.wave, said.sample_rate)
    context.out.answer(
        {
            "file": str(out) if out else None,
            "sample_rate": said.sample_rate,
            "seconds": said.seconds,
            "tokens": said.tokens,
        }
    )
