"""``python -m gptsovits.train``: clips from recordings, then a fine-tune of original files, on a CPU or a GPU."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from math import isfinite
from pathlib import Path

import numpy as np
import torch

from gptsovits.errors import VoiceError
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.text import TextError
from gptsovits.train.loop import EpochDone
from gptsovits.train.scope import SCOPES
from voicescan import Refused, read_checkpoint


def main(arguments: list[str] | None = None) -> int:
    """0 when done, 1 with one sentence when not; the state is kept, so the same command goes on after a kill."""
    given = _parser().parse_args(arguments)
    torch.set_num_threads(given.threads)
    try:
        return _prepare(given) if given.command == "prepare" else _finetune(given)
    except (VoiceError, TextError, Refused) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gptsovits.train", description=__doc__)
    parser.add_argument("--threads", type=_whole(1), default=1)
    commands = parser.add_subparsers(dest="command", required=True)
    prepare = commands.add_parser("prepare", help="a list `wav|speaker|language|text` to clips")
    prepare.add_argument("list", type=Path)
    prepare.add_argument("out", type=Path)
    prepare.add_argument(
        "--encoder", type=Path, required=True, help="folder of a registered content encoder, or of a HuBERT"
    )
    prepare.add_argument("--stage2", type=Path, required=True, help="the base whose tokens are used")
    prepare.add_argument("--bert", type=Path, help="folder of a registered BERT base, for Mandarin")
    prepare.add_argument("--waves", type=Path, help="folder of the recordings, if the list names other places")
    prepare.add_argument("--lexicon", type=Path, help="lexicon.yaml: word to phones per language")
    tune = commands.add_parser("finetune", help="clips and starting weights to a voice")
    tune.add_argument("clips", type=Path)
    tune.add_argument("out", type=Path)
    tune.add_argument("--stage1", type=Path, required=True)
    tune.add_argument("--stage2", type=Path, required=True, help="with posterior encoder (s2G)")
    tune.add_argument("--discriminator", type=Path, help="s2D; without it one begins at random")
    tune.add_argument("--name", default="voice")
    tune.add_argument("--scope", choices=SCOPES, default="all", help="what may change; the rest stays bit-identical")
    tune.add_argument("--s1-epochs", type=_whole(0), default=15)
    tune.add_argument("--s2-epochs", type=_whole(0), default=8)
    tune.add_argument("--batch", type=_whole(1), default=4)
    tune.add_argument(
        "--batches", type=_whole(1), help="a trial: end an epoch after so many (stage 1 learns at the fifth)"
    )
    tune.add_argument("--text-low-lr-rate", type=_factor, default=0.4)
    tune.add_argument("--preference", action="store_true", help="DPO against spoiled tokens (stage 1)")
    tune.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    tune.add_argument("--mixed", action=argparse.BooleanOptionalAction, default=torch.cuda.is_available())
    return parser


def _whole(least: int) -> Callable[[str], int]:
    """Reads a whole number; fewer epochs than none, or batches of none, trained nothing and said that it was done."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(f"{text} is no whole number of {least} or more")
        return number

    return read


def _factor(text: str) -> float:
    """Reads a factor of the learning rate; with nan every weight that it moves is nan after the first step."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not isfinite(number) or number < 0:
        raise argparse.ArgumentTypeError(f"{text} is no number of 0 or more")
    return number


def _prepare(given: argparse.Namespace) -> int:
    import yaml

    from gptsovits.arch.loading import load_s2
    from gptsovits.runtime.bert import BertFeatures
    from gptsovits.train.clips import write_clip
    from gptsovits.train.prepare import Preparer, content_of, read_list

    stage2 = read_voice_file(given.stage2)
    lexicon = given.lexicon.read_text(encoding="utf-8") if given.lexicon else "{}"
    lexicons = yaml.load(lexicon, yaml.BaseLoader)  # noqa: S506 (texts only: `no`, `null` and `007` are words)
    preparer = Preparer(
        content_of(given.encoder), load_s2(stage2.tensors, stage2.config),
        BertFeatures.load(given.bert) if given.bert else None, lexicons,
    )  # fmt: skip
    count = 0
    for clip in preparer.clips(read_list(given.list, given.waves)):
        write_clip(given.out, clip)
        count += 1
    print(f"{count} clips in {given.out}")
    return 0


def _finetune(given: argparse.Namespace) -> int:
    from gptsovits.train.clips import read_clips
    from gptsovits.train.finetune import Recipe, Start, finetune

    judge = None
    if given.discriminator is not None:
        judge = {name: np.asarray(value) for name, value in read_checkpoint(given.discriminator).tensors.items()}
    start = Start(read_voice_file(given.stage1), read_voice_file(given.stage2), judge)
    recipe = Recipe(
        given.scope, given.s1_epochs, given.s2_epochs, given.batch, given.text_low_lr_rate, given.preference,
        given.device, given.mixed, batches=given.batches,
    )  # fmt: skip
    report = finetune(start, read_clips(given.clips), given.out, given.name, recipe, _say)
    print(json.dumps(report, indent=1))
    return 0


def _say(done: EpochDone) -> None:
    figures = ", ".join(f"{name} {value:.3f}" for name, value in done.losses.items())
    print(f"{done.stage} epoch {done.epoch} of {done.epochs}: {figures}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
