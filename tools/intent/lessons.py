"""What the model of requests is taught: labelled texts, and words of the lexicon's lists joined at random."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer

from services.catalog.search.lexicon import Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import joined
from services.catalog.search.tokens import fold
from tests.relevance.texts import KEYS, Text
from tools.intent.encoder import BEGIN, END, PAD

PREFIX = "query: "  # the encoder was taught requests behind this
JOINERS = (" ", " ", ",", ", ", ",", "的", "、", " and ")
PARTS = (1, 1, 2, 2, 3, 4)  # how many words of the lists make a text, as often as they stand here


@dataclass(frozen=True)
class Example:
    """A text as ids, and the numbers of its outputs: a value's, or after all values' the one that denies it."""

    ids: tuple[int, ...]
    outputs: tuple[int, ...]


class Lessons:
    """What is learnt: texts, and words of the lexicon's lists joined at random."""

    def __init__(self, cut: Tokenizer) -> None:
        lexicon = load()
        self.cut = cut
        self.words: dict[str, set[Facet]] = {joined(word): set() for word in lexicon.stopwords}
        for known in (lexicon.terms, lexicon.suggests, lexicon.topics):
            for word, facets in known.items():
                self.words.setdefault(joined(word), set()).update(f for f in facets if f.key in KEYS)
        self.values = sorted({facet for facets in self.words.values() for facet in facets})
        self.names = [f"{facet.key}:{facet.value}" for facet in self.values]
        self.numbers = {facet: number for number, facet in enumerate(self.values)}

    def ids(self, text: str) -> tuple[int, ...]:
        """A text for the encoder."""
        return (BEGIN, *self.cut.encode(PREFIX + fold(text)).ids, END)

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
