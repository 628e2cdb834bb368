"""Command ``python -m gptsovits.judge``: figures of a nano base, or of a voice tuned from it, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
import numpy as np
import soundfile
import soxr
import torch
from safetensors.torch import load_file

from gptsovits.finetune.align import align
from gptsovits.finetune.choice import prompt_of
from gptsovits.finetune.run import VOICE_FILE
from gptsovits.judge.sentences import TEST_SENTENCES
from gptsovits.judge.voice import judge_voice
from gptsovits.nano.base import S1_FILE, S2_FILE, NanoBase, NanoVoice, load_base, voice_of
from gptsovits.nano.config import SAMPLE_RATE


@click.command()
@click.argument("base", type=click.Path(path_type=Path, exists=True))
@click.argument("recording", type=click.Path(path_type=Path, exists=True))
@click.option("--transcript", required=True, type=click.Path(path_type=Path, exists=True), help="Words of RECORDING.")
@click.option("--voice", type=click.Path(path_type=Path, exists=True), help="Folder of a tuned voice.")
@click.option("--sentences", default=len(TEST_SENTENCES), help="How many of the fixed sentences.")
def main(base: Path, recording: Path, transcript: Path, voice: Path | None, sentences: int) -> None:
    """Judge BASE, or a voice tuned from it, conditioned on RECORDING, on fixed unseen English sentences."""
    torch.set_num_threads(1)
    loaded = load_base(base)
    samples, rate = soundfile.read(recording, dtype="float32", always_2d=True)
    wave = np.asarray(soxr.resample(samples.mean(1), rate, SAMPLE_RATE), np.float32)
    clips = align(loaded, wave, transcript.read_text(encoding="utf-8"))
    spoken = _tuned(loaded, voice) if voice else loaded.voice
    found = judge_voice(loaded, spoken, prompt_of(clips), wave, TEST_SENTENCES[:sentences])
    click.echo(json.dumps(asdict(found), indent=1))


def _tuned(base: NanoBase, folder: Path) -> NanoVoice:
    config = json.loads((folder / VOICE_FILE).read_text(encoding="utf-8"))["config"]
    return voice_of(load_file(folder / S1_FILE), config["s1"], load_file(folder / S2_FILE), config["s2"])


if __name__ == "__main__":
    main()
