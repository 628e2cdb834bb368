"""A voice on Triton, behind the same port as one in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from numpy.typing import NDArray

from gptsovits.errors import MissingInput
from gptsovits.export.triton import BACKENDS, ONE_CALL, STAGE1, Backend, models_of
from gptsovits.runtime.bundle import VoiceFacts, read_header
from gptsovits.runtime.engine import Utterance
from gptsovits.serving.wire import ENDED, STOPPED, tensors_of
from services.inference.engines import Opened
from services.inference.triton.models import Models, RemoteModel, Sentence
from services.inference.triton.server import TritonServer


class RemoteGraph:
    """A graph that is called once; see :class:`gptsovits.runtime.engine.OneCall`."""

    def __init__(self, remote: RemoteModel) -> None:
        self._remote, self.inputs = remote, frozenset(remote.model.inputs)

    def run(self, **inputs: NDArray[Any] | None) -> list[NDArray[Any]]:
        """Outputs in the order of the graph."""
        given = {name: value for name, value in inputs.items() if name in self.inputs and value is not None}
        if self._remote.model.batched:
            given = {name: value[None] if value.ndim == 1 else value for name, value in given.items()}
        return list(self._remote.infer(given).values())


class RemoteStage1:
    """Stage 1 as a service; see :class:`gptsovits.runtime.engine.Stage1`."""

    def __init__(self, remote: RemoteModel) -> None:
        self._remote = remote

    def start(self, utterance: Utterance) -> Sentence:
        """Sends all that the sentence needs; its tokens come as they are said."""
        if utterance.race is not None:
            raise MissingInput("Numbers of one's own decide in this process only; give a seed.")
        return Sentence(self._remote, tensors_of(utterance), {ENDED: False, STOPPED: True})


@dataclass(frozen=True)
class TritonEngine:
    """See :class:`gptsovits.runtime.engine.Engine`."""

    facts: VoiceFacts
    graphs: Mapping[str, RemoteGraph]
    stage1: RemoteStage1


class TritonEngines:
    """Voices on one Triton, with a repository that both can reach."""

    def __init__(self, address: str, repository: Path, backend: Backend = "python") -> None:
        self._models = Models(TritonServer(address), repository)
        self._backend = backend

    @classmethod
    def of_url(cls, url: str) -> TritonEngines:
        """`triton://host:port/folder?backend=python`; ValueError for another."""
        parts = urlsplit(url)
        backend = dict(parse_qsl(parts.query)).get("backend", "python")
        chosen: Backend | None = next((known for known in BACKENDS if known == backend), None)
        if not parts.port or len(parts.path) < 2 or chosen is None:
            raise ValueError(
                f"VOICEHUB_INFERENCE_URL is {url!r}, but must be triton://host:port/repository[?backend=…]"
            )
        return cls(f"{parts.hostname}:{parts.port}", Path(parts.path), chosen)

    def open(self, folder: Path) -> Opened:
        """See :class:`services.inference.engines.Engines`; models are loaded when they are called first."""
        models = models_of(folder, self._backend)
        facts = VoiceFacts.from_json(read_header(folder))
        remote = {name: self._models.acquire(model) for name, model in models.items()}
        graphs = {name: RemoteGraph(remote[name]) for name in ONE_CALL}

        def close() -> None:
            for one in remote.values():
                self._models.release(one)

        sizes = {model.name: model.bytes for model in models.values()}
        return Opened(TritonEngine(facts, graphs, RemoteStage1(remote[STAGE1])), sizes, close)
