"""``model.py`` of stage 1 for Triton's python backend: a decoupled model around the continuous batcher.

A request joins the running batch at the next token; its tokens come a few at a time, the last of them ``ENDED`` or
``STOPPED``. When the caller goes, its row leaves.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as triton

sys.path.insert(0, str(Path(__file__).parent))

from gptsovits.errors import VoiceError
from gptsovits.runtime.batching import ContinuousBatcher
from gptsovits.runtime.engine import Utterance
from gptsovits.runtime.graph import Graph
from gptsovits.runtime.sampling import Sampling
from gptsovits.serving.wire import ENDED, OUTPUT, REFUSED, STOPPED, is_due

LOOK_EVERY = 4
"""Steps between two looks whether the caller is still there; each asks the server."""
FINAL = triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL


class TritonPythonModel:
    """The batcher of one pair of graphs."""

    def initialize(self, args: dict[str, str]) -> None:
        """Opens the graphs beside this file; ``eos`` is the name of a file, so that nothing is parsed."""
        place = Path(__file__).parent
        prefill, step = Graph(place / "prefill.onnx", threads=1), Graph(place / "step.onnx", threads=1)
        self._batcher = ContinuousBatcher(prefill, step, int((place / "eos").read_text()))
        self._metrics = _Metrics(args["model_name"])
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()

    def execute(self, requests: list[Any]) -> None:
        """Returns at once; answers come from the batcher's thread."""
        for request in requests:
            sink = _Sender(request, self._metrics, self._batcher)
            self._batcher.add(_utterance(request), sink)


class _Metrics:
    """Counts on ``/metrics``."""

    def __init__(self, model: str) -> None:
        self._tokens = _Counter("voicehub_stage1_tokens_total", "Tokens computed by stage 1.", model)
        self._steps = _Counter("voicehub_stage1_steps_total", "Steps of the network, of any number of rows.", model)
        self._ended = _Counter("voicehub_stage1_ended_total", "Sentences said to their end.", model)
        self._cancelled = _Counter("voicehub_stage1_cancelled_total", "Sentences that nobody wanted any more.", model)
        self._seen = (0, 0)

    def left(self, batcher: ContinuousBatcher, cancelled: bool) -> None:
        """A sentence has left the batch."""
        now = batcher.statistics
        self._tokens.add(now.tokens - self._seen[0])
        self._steps.add(now.steps - self._seen[1])
        self._seen = (now.tokens, now.steps)
        (self._cancelled if cancelled else self._ended).add(1)


class _Counter:
    """A number that grows."""

    def __init__(self, name: str, about: str, model: str) -> None:
        # The family must live as long as its metric.
        self._family = triton.MetricFamily(name=name, description=about, kind=triton.MetricFamily.COUNTER)
        self._metric = self._family.Metric(labels={"model": model})

    def add(self, count: int) -> None:
        """By this much."""
        self._metric.increment(count)


class _Sender:
    """Sends tokens a few at a time; a sink of the batcher, whose thread alone calls it."""

    def __init__(self, request: Any, metrics: _Metrics, batcher: ContinuousBatcher) -> None:
        self._request, self._sender = request, request.get_response_sender()
        self._metrics, self._batcher = metrics, batcher
        self._whole = bool(_value(request, "WHOLE")[0])
        self._said: list[int] = []
        self._count = self._asked = 0

    def unwanted(self) -> bool:
        """Whether the caller has gone; its last answer is sent then."""
        self._asked += 1
        if self._asked % LOOK_EVERY or not self._request.is_cancelled():
            return False
        self._metrics.left(self._batcher, cancelled=True)
        gone = triton.TritonError("the caller has gone", triton.TritonError.CANCELLED)
        self._sender.send(triton.InferenceResponse(error=gone), flags=FINAL)
        return True

    def put(self, token: int) -> None:
        """For the next message."""
        self._said.append(token)
        self._count += 1
        if is_due(self._count) and not self._whole:
            self._send(0)

    def end(self, stopped_early: bool) -> None:
        """The last message."""
        self._said.append(STOPPED if stopped_early else ENDED)
        self._metrics.left(self._batcher, cancelled=False)
        self._send(FINAL)

    def fail(self, error: Exception) -> None:
        """The last message, with the reason."""
        reason = f"{REFUSED}{error}" if isinstance(error, VoiceError) else f"stage 1 failed: {error!r}"
        self._sender.send(triton.InferenceResponse(error=triton.TritonError(reason)), flags=FINAL)

    def _send(self, flags: int) -> None:
        tokens = triton.Tensor(OUTPUT, np.array(self._said, np.int64))
        self._sender.send(triton.InferenceResponse([tokens]), flags=flags)
        self._said = []


def _end_with(server: int) -> None:
    """Ends this process when Triton was killed: a look at a caller would wait for its answer for ever."""
    while os.getppid() == server:
        time.sleep(1.0)
    os._exit(1)


def _utterance(request: Any) -> Utterance:
    top_k, greedy, early_stop = (int(number) for number in _value(request, "CHOICE"))
    top_p, temperature, penalty = (float(number) for number in _value(request, "WEIGHTS"))
    seed, prompt = _value(request, "SEED"), _value(request, "PROMPT")
    sampling = Sampling(
        top_k, top_p, temperature, penalty, bool(greedy), early_stop, None if seed is None else int(seed[0])
    )
    prompt = np.zeros(0, np.int64) if prompt is None else prompt
    return Utterance(_value(request, "PHONES"), _value(request, "BERT"), prompt, sampling, _value(request, "CLASSES"))


def _value(request: Any, name: str) -> Any:
    tensor = triton.get_input_tensor_by_name(request, name)
    return None if tensor is None else tensor.as_numpy()
