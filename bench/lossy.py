"""What a lossy update costs a voice: `python -m bench.lossy`.

Three nano fine-tunes of everything on a real reader (`bench.finetunes`), exact and with coarser changes
(`voicehub slim`), read the same sentences after the same prompt. Printed are the update's bytes, how much of the change
is lost, the likeness to the reader, and word errors; with bootstrap intervals of paired differences from the exact
voice. Exit code 1 where a loss of at most a tenth surely costs likeness or words.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
from collections.abc import Sequence

import numpy as np
import torch

from bench.finetunes import SEEDS
from bench.finetunes import voice as weights
from bench.merging import PLACE, Judged, judge, lexicon, stored
from gptsovits.finetune.align import align
from gptsovits.judge.intelligibility import Listener
from gptsovits.judge.intervals import Interval, paired_gain
from gptsovits.judge.similarity import embedding
from gptsovits.merging import Voice
from gptsovits.merging.slimming import slim
from gptsovits.nano.base import load_base
from tools.demo.recording import TRANSCRIPT, find_source, read_16k

ERRORS = (0.1, 0.3, 0.6)
JUDGED = 0.1


def judged(voices: Sequence[Voice]) -> list[Judged]:
    """Each voice on all sentences, after the first clip of the reader."""
    base, listener = load_base(PLACE), Listener()
    clips = align(base, read_16k(find_source().recording), TRANSCRIPT)
    reader, prompt = embedding(np.concatenate([clip.wave for clip in clips])), clips[0]
    found = []
    for number, voice in enumerate(voices, 1):
        found.append(judge(base, voice, prompt, reader, listener))
        print(f"judged {number} of {len(voices)}", file=sys.stderr, flush=True)
    return found


def row(name: str, size: float, exact: Sequence[Judged], found: Sequence[Judged]) -> bool:
    """One line of the table, all fine-tunes together; whether nothing got surely worse."""
    likeness = _gain([one.likeness for one in found], [one.likeness for one in exact])
    words = _gain([one.errors for one in exact], [one.errors for one in found])
    means = f"{np.mean([one.likeness for one in found]):.3f}", f"{np.mean([one.errors for one in found]):.1%}"
    cells = (name, f"{size:.3f}", means[0], _shown(likeness), means[1], _shown(words))
    print("| " + " | ".join(cells) + " |", flush=True)
    return likeness.high >= 0 and words.high >= 0


def _gain(better: Sequence[Sequence[float]], worse: Sequence[Sequence[float]]) -> Interval:
    one, two = ([value for values in side for value in values] for side in (better, worse))
    return paired_gain(one, two)


def _shown(gain: Interval) -> str:
    return f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"


def main() -> int:
    """0 when a tenth lost costs nothing that is sure."""
    parser = argparse.ArgumentParser(prog="python -m bench.lossy", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    plain = stored(load_base(PLACE).voice)
    words = {"en": lexicon()}
    tuned = [Voice(weights("nano", f"everything-{seed}"), plain.configs, {}, words) for seed in seeds]
    print("| update | bytes of the changed tensors' | likeness | gain | word errors | gain in words right |")
    print("|---|---|---|---|---|---|")
    exact, kept = judged(tuned), True
    for error in (0.0, *ERRORS):
        slimmed = [slim(plain, voice, error) for voice in tuned]
        parts = [part for _, report in slimmed for part in report]
        size = sum(part.lossy for part in parts) / sum(part.changed for part in parts)
        lost = max(part.error for part in parts)
        name = f"at most {error:g} of a tensor's change lost (of a part: {lost:.2f})" if error else "exact"
        fine = row(name, size, exact, judged([voice for voice, _ in slimmed]) if error else exact)
        kept = kept and (fine or error > JUDGED)
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
