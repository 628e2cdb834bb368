"""What a request asks for as a whole, as a small transformer tells it that learnt labelled requests.

Lists know words; what "somebody who gets my toddler to sleep" asks for stands in no single one. `intent.onnx` holds an
encoder of Chinese and English and, for each value of the lexicon, the probability that it is wanted and the one that it
is not. `tools/intent/` makes it: the first layers of multilingual-e5-small (Wang et al. 2024, arXiv 2402.05672), taught
`tests/relevance/texts/` and the lists, with weights of 4 bits. A request takes some milliseconds of one core.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock

import numpy as np

from gptsovits.errors import BrokenVoice
from gptsovits.runtime.graph import Graph
from services.catalog.search.lexicon import Facet
from services.catalog.search.pieces import Pieces

INTENT = Path(__file__).with_name("intent.onnx")
TOLD = "intent"  # where the file keeps its pieces and values, as JSON
LONGEST, BEGINNING = 160, 60  # pieces of a request that are read, so many of them from its beginning
LEAST = 0.05  # probability of what is told
READERS = len(os.sched_getaffinity(0))  # requests that are read at a time
_OPENING = Lock()


@dataclass(frozen=True)
class Intent:
    """What a request asks for: values with their probability, and those that it does not want likewise."""

    wanted: Mapping[Facet, float]
    denied: Mapping[Facet, float]


NOTHING = Intent({}, {})


class IntentModel:
    """The model of a file; thread-safe.

    Raises:
        ValueError: the file holds none.
    """

    def __init__(self, path: Path = INTENT) -> None:
        try:
            self._graph = Graph(path, threads=1)
            told = json.loads(self._graph.session.get_modelmeta().custom_metadata_map[TOLD])
        except (OSError, BrokenVoice, KeyError) as error:
            raise ValueError(f"{path} is no model of requests: install VoiceHub again, or make it anew.") from error
        self.pieces = Pieces(dict(told["pieces"]))
        self.values = tuple(Facet(*value.split(":", 1)) for value in told["values"])
        self._before, self._after, self._unknown = told["before"], told["after"], told["unknown"]

    def read(self, text: str) -> Intent:
        """What a text asks for that `fold` leaves as it is."""
        pieces = self.pieces.cut(text)
        if len(pieces) > LONGEST:  # who writes much often says at the end what he seeks
            pieces = [*pieces[:BEGINNING], *pieces[BEGINNING - LONGEST :]]
        numbers = [self.pieces.numbers.get(piece, self._unknown) for piece in pieces]
        if not numbers:
            return NOTHING
        (told,) = self._graph.run(ids=np.array([*self._before, *numbers, *self._after], np.int64))
        wanted, denied = told.reshape(2, -1)
        return Intent(self._likely(wanted), self._likely(denied))

    def _likely(self, shares: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> dict[Facet, float]:
        return {self.values[n]: round(float(shares[n]), 4) for n in np.flatnonzero(shares >= LEAST)}


@cache
def _model() -> IntentModel:
    return IntentModel()


@lru_cache(maxsize=1024)  # the same is asked by many, in other orders, and of another replica page by page
def intent(text: str) -> Intent:
    """What a folded text asks for, by the model of the hub; it is opened once, whoever else asks meanwhile waits."""
    with _OPENING:
        model = _model()
    return model.read(text)


@cache
def readers() -> ThreadPoolExecutor:
    """Threads that read requests while the index counts their words: both leave Python to others meanwhile."""
    return ThreadPoolExecutor(READERS, "intent")
