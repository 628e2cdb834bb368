"""`voicehub say`: synthesis on this machine, or with `--on-hub` on the hub's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from voicehub import wav
from voicehub.cli.bounds import Finite
from voicehub.cli.context import Context, command
from voicehub.client import Client
from voicehub.errors import NotFound, Unreachable, UsageError
from voicehub.names import VoiceName, parse_name

if TYPE_CHECKING:  # other commands start without numpy, a quarter sooner
    from voicehub.saying import Said, Speaker

ONLY = {
    "--features": ("raw", "greedy", "noise", "early_stop", "noise_scale"),
    "--on-hub": ("form", "ssml", "notice"),
    "a text": ("language", "speed"),
}
"""What each way of speaking takes and another would not look at."""
PATH, FILE = click.Path(path_type=Path), click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("voice")
@click.argument("text", required=False, default="")
@click.option("--out", "-o", type=FILE, help="Write this file (.wav, .flac, .mp3, .opus, .pcm) instead of playing.")
@click.option("--on-hub", is_flag=True, help="Let the hub speak; nothing is pulled. Needs -o.")
@click.option("--format", "form", type=click.Choice(["wav", "flac", "mp3", "opus", "pcm"]), help="Not by the ending.")
@click.option("--ssml", is_flag=True, help="With --on-hub: TEXT is a <speak> document.")
@click.option("--notice", is_flag=True, help="With --on-hub: a tone before the speech says that it is synthetic.")
@click.option("--language", default="", help="Language of the text (default: the voice's first).")
@click.option("--prompt", default="", help="Which prompt of the voice (default: its first).")
@click.option("--speed", default=1.0, show_default=True, type=Finite(0.25, 4.0), help="1 is natural.")
@click.option("--seed", type=int, help="The same seed gives the same speech.")
@click.option("--threads", default=2, show_default=True, type=click.IntRange(1, 64), help="Threads per graph.")
@click.option("--features", type=PATH, help="Speak these phones and BERT features (.safetensors) instead of a text.")
@click.option("--greedy", is_flag=True, help="With --features: take the likeliest token.")
@click.option("--early-stop", default=-1, type=click.IntRange(-1), help="With --features: most tokens, or -1.")
@click.option("--noise", type=PATH, help="With --features: recorded noise (.npy, .safetensors).")
@click.option("--noise-scale", default=0.5, show_default=True, type=Finite(0), help="With --features: its share.")
@click.option("--raw", is_flag=True, help="The float32 wave (.npy) before level, pause, label.")
@command
def say(context: Context, voice: str, text: str, **options: Any) -> None:
    """Speak TEXT with VOICE (owner/name[@ref]) on this machine.

    VOICE is pulled first if it is not here, or means another version by now. Without the hub, what was pulled last
    is spoken, and its version told.
    """
    name = parse_name(voice)
    if bool(text.strip()) == bool(options["features"]):
        raise UsageError("What shall be said?", hint="Give a text, or --features.")
    _check_seed(options["seed"], on_hub=options["on_hub"])
    _check_effect(options)
    if options["out"] is not None:
        wav.require_place(options["out"])
    if options["on_hub"]:
        _on_hub(context, name, text, options)
        return
    _check_files(options)
    speaker = _open(context, name, options)
    said = _exactly(speaker, options) if options["features"] else _text(speaker, text, options)
    _deliver(context, name, said, options["out"], options["raw"])


def _check_seed(seed: int | None, *, on_hub: bool) -> None:
    """A hub takes -1 for another seed each time; here that is no seed at all."""
    least, otherwise = (-1, "-1") if on_hub else (0, "no --seed")
    if seed is not None and seed < least:
        raise UsageError(f"{seed} is no seed.", hint=f"Give 0 or more; with {otherwise} it is another one each time.")


def _check_effect(options: dict[str, Any]) -> None:
    """Who gives an option that changes nothing expects another speech."""
    ways = {"--features": bool(options["features"]), "--on-hub": options["on_hub"], "a text": not options["features"]}
    others = {name: way for way, names in ONLY.items() if not ways[way] for name in names}
    context = click.get_current_context()
    for option in context.command.params:
        given = context.get_parameter_source(str(option.name)) is ParameterSource.COMMANDLINE
        if given and option.name in others:
            way = others[option.name]
            raise UsageError(f"{option.opts[0]} is for {way}.", hint=f"Leave it out, or give {way}.")


def _check_files(options: dict[str, Any]) -> None:
    """What a pull and a synthesis would be in vain for."""
    for path in (options["features"], options["noise"]):
        if path is not None and not path.is_file():
            raise NotFound(f"There is no file {path}.", hint="Check the path.")
    if options["out"] is not None:
        wav.require_ending(options["out"], raw=options["raw"])


def _on_hub(context: Context, name: VoiceName, text: str, options: dict[str, Any]) -> None:
    from gptsovits.whole import write_whole

    out: Path | None = options["out"]
    if out is None or options["features"]:
        raise UsageError("--on-hub needs a text and -o FILE.", hint="For example: -o speech.mp3")
    form = options["form"] or wav.FORMATS.get(out.suffix.lower())
    if form is None:
        raise UsageError(f"{out.name} names no format.", hint=f"End it in {', '.join(wav.FORMATS)}, or give --format.")
    voice = f"{name}#{options['prompt']}" if options["prompt"] else str(name)
    seed = 0 if options["seed"] is None else options["seed"]
    more = {"seed": seed, "speed": options["speed"], "ssml": options["ssml"], "notice": options["notice"]}
    with context.client() as client:
        heard = client.speech(voice, text, options["language"], format=form, **more)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, heard.content, follow=True)
    context.out.say(f"✓ {len(heard.content):,} bytes in {out}")
    context.out.left_out(heard.left_out)
    context.out.answer({"file": str(out), "format": form, "bytes": len(heard.content), "left_out": heard.left_out})


def _open(context: Context, name: VoiceName, options: dict[str, Any]) -> Speaker:
    from voicehub.saying import Speaker

    with context.client() as client:
        _refresh(context, client, name)
    return Speaker(client.cache, name, prompt=options["prompt"], threads=options["threads"])


def _refresh(context: Context, client: Client, name: VoiceName) -> None:
    """Pulls what `name` means now; where its hub is away, what it meant when it was pulled last is spoken."""
    try:
        version, folder = client.cache.find(name)
        whole = not version.bundle or (folder / "onnx" / "bundle.json").exists()  # or pulled to merge it, say
        held = version.id if whole else ""
    except NotFound:
        held = ""
    if held and held == name.ref:  # an id means the same for ever
        return
    try:
        if client.version(name).id == held:
            return
    except Unreachable:
        if not held or client.cache.noted(name)[1] not in ("", client.url):
            raise
        context.out.note(f"{client.url} does not answer: this is {name} as it was pulled last, version {held}.")
        return
    with context.out.transfer(str(name)) as on_bytes:
        client.pull(name, on_bytes=on_bytes)


def _text(speaker: Speaker, text: str, options: dict[str, Any]) -> Said:
    return speaker.say(text, options["language"], seed=options["seed"], speed=options["speed"])


def _exactly(speaker: Speaker, options: dict[str, Any]) -> Said:
    from voicehub.saying import Exactly

    keys = ("features", "noise", "greedy", "early_stop", "noise_scale", "seed")
    return speaker.say_exactly(Exactly(**{key: options[key] for key in keys}))


def _deliver(context: Context, name: VoiceName, said: Said, out: Path | None, raw: bool) -> None:
    if out:
        wav.write(out, said.wave, said.sample_rate, str(name), raw=raw)
        context.out.say(f"✓ {said.seconds:.2f} s in {out}")
    elif not context.out.as_json:
        wav.play(said.wave, said.sample_rate)
    context.out.left_out(said.left_out)
    context.out.answer(
        {
            "file": str(out) if out else None,
            "sample_rate": said.sample_rate,
            "seconds": said.seconds,
            "tokens": said.tokens,
            "left_out": said.left_out,
        }
    )
