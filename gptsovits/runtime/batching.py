"""Continuous batching of stage 1: sentences join the running batch at the next token, and leave it when they end.

One thread works while there is something to do. A row that nobody wants any more leaves before the next step.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

import numpy as np

from gptsovits.errors import VoiceError
from gptsovits.runtime import limits
from gptsovits.runtime.engine import Utterance
from gptsovits.runtime.graph import Graph
from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.rows import Row, advance
from gptsovits.runtime.sinks import Queued, Sink
from gptsovits.runtime.stage1 import OnnxStepper, prefilled

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Statistics:
    """What a batcher has done: steps of the network, tokens computed by them, sentences begun, ended and left."""

    steps: int = 0
    tokens: int = 0
    started: int = 0
    ended: int = 0
    cancelled: int = 0
    running: int = 0
    """Sentences in the batch now."""
    most_running: int = 0


class _Batch:
    """Rows that step together."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.sinks: list[Sink] = []
        self._stepper: OnnxStepper | None = None
        self._newcomers: list[OnnxStepper] = []

    def admits(self, row: Row, stepper: OnnxStepper) -> bool:
        """Whether a row can join."""
        return not self.rows or stepper.mixes_positions or self.rows[0].position == row.position

    def join(self, row: Row, sink: Sink, stepper: OnnxStepper) -> None:
        """A row that has said its first token."""
        self.rows.append(row)
        self.sinks.append(sink)
        self._newcomers.append(stepper)

    def step(self) -> None:
        """One more token for every row."""
        tokens = np.array([row.said[-1] for row in self.rows], np.int64)
        positions = np.array([row.position for row in self.rows], np.int64)
        advance(self.rows, self._merged().step(tokens, positions))

    def drop(self, gone: Sequence[bool]) -> None:
        """Rows leave."""
        if not any(gone):
            return
        kept = [place for place, leaves in enumerate(gone) if not leaves]
        if kept:
            self._merged().keep(~np.array(gone, np.bool_))
        else:
            self._stepper, self._newcomers = None, []
        self.rows, self.sinks = [self.rows[place] for place in kept], [self.sinks[place] for place in kept]

    def fail(self, error: Exception) -> None:
        """Whoever has not heard the end hears this; the rows are forgotten, whatever the cache is like now."""
        for row, sink in zip(self.rows, self.sinks, strict=True):
            if not row.over:
                sink.fail(error)
        self.drop([True] * len(self.rows))

    def _merged(self) -> OnnxStepper:
        """The cache of all rows: newcomers are taken in together."""
        first, *others = ([] if self._stepper is None else [self._stepper]) + self._newcomers
        if others:
            first.join(others)
        self._stepper, self._newcomers = first, []
        return first


class ContinuousBatcher:
    """Stage 1 of one pair of graphs, for all who speak with it. Thread-safe."""

    def __init__(self, prefill: Graph, step: Graph, eos: int) -> None:
        self._prefill, self._step, self._eos = prefill, step, eos
        self._lock = threading.Lock()
        self._waiting: deque[tuple[Utterance, Sink]] = deque()
        self._working = False
        self._batches: list[_Batch] = []
        self._steps = self._tokens = self._started = self._ended = self._cancelled = self._most = 0

    @property
    def statistics(self) -> Statistics:
        """Counts since it was made."""
        running = sum(len(batch.rows) for batch in list(self._batches))
        return Statistics(self._steps, self._tokens, self._started, self._ended, self._cancelled, running, self._most)

    def start(self, utterance: Utterance) -> Queued:
        """See :class:`gptsovits.runtime.engine.Stage1`."""
        running = Queued(utterance.whole)
        self.add(utterance, running)
        return running

    def add(self, utterance: Utterance, sink: Sink) -> None:
        """As :meth:`start`, the tokens going to ``sink``."""
        with self._lock:
            self._waiting.append((utterance, sink))
            if not self._working:
                self._working = True
                threading.Thread(target=self._work, name="stage1", daemon=True).start()

    def _work(self) -> None:
        """Steps until nobody is left."""
        while True:
            with self._lock:
                running = sum(len(batch.rows) for batch in self._batches)
                newcomers = [self._waiting.popleft() for _ in range(min(len(self._waiting), limits.BATCH - running))]
                if not newcomers and not running:
                    self._batches, self._working = [], False
                    return
            for utterance, sink in newcomers:
                self._admit(utterance, sink)
            for batch in self._batches:
                try:
                    self._advance(batch)
                except Exception as error:
                    log.exception("a step of stage 1 failed")
                    batch.fail(error)
            self._batches = [batch for batch in self._batches if batch.rows]

    def _admit(self, utterance: Utterance, sink: Sink) -> None:
        self._started += 1
        if sink.unwanted():
            self._cancelled += 1
            return
        try:
            row, stepper = self._begun(utterance)
        except VoiceError as error:
            sink.fail(error)
        except Exception as error:
            log.exception("a sentence could not begin")
            sink.fail(error)
        else:
            if row.said:
                sink.put(row.said[-1])
            if row.over:
                self._ended += 1
                sink.end(row.stopped_early)
                return
            self._batch_for(row, stepper).join(row, sink, stepper)
            self._most = max(self._most, sum(len(batch.rows) for batch in self._batches))

    def _begun(self, utterance: Utterance) -> tuple[Row, OnnxStepper]:
        """A row that has said its first token, and its cache."""
        bert = None if utterance.bert is None else [utterance.bert]
        stepper, logits = prefilled(self._prefill, self._step, [utterance.phones], bert, utterance.prompt)
        reading = None if utterance.classes is None else MonotonicReading([utterance.classes], self._eos)
        row = Row(utterance.prompt, utterance.sampling, self._eos, utterance.race, reading)
        advance([row], logits)
        return row, stepper

    def _batch_for(self, row: Row, stepper: OnnxStepper) -> _Batch:
        for batch in self._batches:
            if batch.admits(row, stepper):
                return batch
        self._batches.append(_Batch())
        return self._batches[-1]

    def _advance(self, batch: _Batch) -> None:
        """One step, without those who left; rows that end are told so."""
        unwanted = [sink.unwanted() for sink in batch.sinks]
        self._cancelled += sum(unwanted)
        batch.drop(unwanted)
        if not batch.rows:
            return
        batch.step()
        self._steps += 1
        self._tokens += len(batch.rows)
        for row, sink in zip(batch.rows, batch.sinks, strict=True):
            if not row.ended:
                sink.put(row.said[-1])
            if row.over:
                self._ended += 1
                sink.end(row.stopped_early)
        batch.drop([row.over for row in batch.rows])


_SHARED: WeakValueDictionary[tuple[int, int, int], ContinuousBatcher] = WeakValueDictionary()
_SHARING = threading.Lock()


def shared_batcher(prefill: Graph, step: Graph, eos: int) -> ContinuousBatcher:
    """One batcher for all voices with these two shared graphs: who speaks with any of them joins the others."""
    key = (id(prefill), id(step), eos)
    with _SHARING:
        batcher = _SHARED.get(key)
        if batcher is None:
            batcher = _SHARED[key] = ContinuousBatcher(prefill, step, eos)
        return batcher
