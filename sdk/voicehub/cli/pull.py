"""`voicehub pull`: a voice, and the base it stands on, onto this machine."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click

from voicehub.cli.context import Context, command
from voicehub.pulling import Format, Pulled


@click.command()
@click.argument("voice")
@click.option(
    "--format", "form", type=click.Choice(["onnx", "original", "safetensors"]),
    help="ONNX to speak (default), the original .ckpt/.pth pair, or safetensors.",
)  # fmt: skip
@click.option("--into", type=click.Path(path_type=Path, file_okay=False), help="Also copy it into this folder.")
@command
def pull(context: Context, voice: str, form: Format | None, into: Path | None) -> None:
    """Pull VOICE (owner/name[@ref]). Resumes where it stopped, checks every digest, brings each base once."""
    with context.client() as client, context.out.transfer(voice) as on_bytes:
        pulled = client.pull(voice, form, on_bytes)
    folder = _copied(pulled, into) if into else pulled.folder
    context.out.answer(_answer(pulled, folder))
    context.out.say(
        f"✓ {voice} {pulled.version.id} is in {folder} ({pulled.received / 1e6:.1f} MB came over the wire)."
    )
    for kind, digest in pulled.missing_bases.items():
        context.out.say(f"  It needs the {kind} {digest}, which this hub does not have:")
        context.out.say("  register yours with `voicehub-admin base add PATH`, then pull again.")


def _copied(pulled: Pulled, into: Path) -> Path:
    shutil.copytree(pulled.folder, into, copy_function=_copy, dirs_exist_ok=True)
    return into


def _copy(source: str, target: str) -> str:
    from gptsovits.whole import replacing

    with replacing(Path(target)) as beside:
        shutil.copyfile(source, beside)
    shutil.copystat(source, target)
    return target


def _answer(pulled: Pulled, folder: Path) -> dict[str, Any]:
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    return {
        "version": pulled.version.id,
        "folder": str(folder),
        "files": files,
        "received_bytes": pulled.received,
        "missing_bases": pulled.missing_bases,
    }
