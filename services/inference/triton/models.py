"""Models in a repository that this hub and Triton share.

They are written whole, loaded when they are called first, loaded again when Triton has lost them, and unloaded and
removed with the last voice that needs them.
"""

from __future__ import annotations

import logging
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from gptsovits.export.triton import UNFINISHED, Model
from services.common.errors import Unavailable
from services.inference.triton.server import HINT, Arrays, Away, NotLoaded, Stream, TritonServer

log = logging.getLogger(__name__)
LOST_SECONDS = 60.0
"""After which one may ask again for a model that Triton has lost twice: its memory is short, or it ends."""
_NAME = re.compile("[0-9a-f]{64}")


class RemoteModel:
    """One model, of all voices that share it. Thread-safe."""

    def __init__(self, server: TritonServer, repository: Path, model: Model) -> None:
        self.model = model
        self.users = 0
        self._server, self._repository = server, repository
        self._lock = threading.Lock()
        self._loaded = False
        self._loads = 0

    def infer(self, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """One call, with one more try when Triton has come back without the model; Unavailable if it loses it again."""
        load = self.ensure()
        try:
            return self._server.infer(self.model.name, inputs)
        except (NotLoaded, Away) as error:
            self.recover(error, load)
        try:
            return self._server.infer(self.model.name, inputs)
        except NotLoaded as error:
            raise _lost(error) from error

    def stream(self, inputs: Arrays) -> Stream:
        """Begins a call of many answers with the model that :meth:`ensure` has loaded."""
        return self._server.stream(self.model.name, inputs)

    def ensure(self) -> int:
        """Writes and loads it, unless that is done; answers the number of the load."""
        with self._lock:
            if not self._loaded:
                self.model.write(self._repository)
                self._server.load(self.model.name)
                self._loaded = True
                self._loads += 1
            return self._loads

    def recover(self, error: Exception, load: int) -> None:
        """Loads it again if Triton is there; Unavailable if not. ``load`` was in use: what came later stays."""
        if not self._server.is_back():
            raise _lost(error) from error
        with self._lock:
            self._loaded = self._loaded and self._loads != load
        self.ensure()

    def remove(self) -> None:
        """Unloads it and removes its folder. A server that is away has unloaded it already."""
        with self._lock:
            if self._loaded:
                try:
                    self._server.unload(self.model.name)
                except Unavailable as error:
                    log.warning("model not unloaded", extra={"model": self.model.name, "why": error.message})
            self._loaded = False
            shutil.rmtree(self._repository / self.model.name, ignore_errors=True)


class Models:
    """The models that open voices need. Thread-safe."""

    def __init__(self, server: TritonServer, repository: Path) -> None:
        self._server, self._repository = server, repository
        self._models: dict[str, RemoteModel] = {}
        self._swept = False
        self._lock = threading.Lock()

    def acquire(self, model: Model) -> RemoteModel:
        """The model for one more voice."""
        with self._lock:
            if not self._swept:
                self._sweep()
            remote = self._models.setdefault(model.name, RemoteModel(self._server, self._repository, model))
            remote.users += 1
            return remote

    def release(self, remote: RemoteModel) -> None:
        """One voice less needs it."""
        with self._lock:
            remote.users -= 1
            if not remote.users:
                del self._models[remote.model.name]
                remote.remove()

    def _sweep(self) -> None:
        """Once, what a hub that was killed has left there: its models take memory, and nobody would unload them.

        Another hub on the same Triton that needs one of them loads it again at its next call.
        """
        for name in self._server.loaded():
            if _NAME.fullmatch(name):
                self._server.unload(name)
        for folder in self._repository.glob("*"):
            if _NAME.fullmatch(folder.name) or folder.name.startswith(UNFINISHED):
                shutil.rmtree(folder, ignore_errors=True)
        self._swept = True


class Sentence:
    """Tokens of one stream; a :class:`gptsovits.runtime.engine.Running`."""

    def __init__(self, remote: RemoteModel, inputs: Arrays, last: dict[int, bool]) -> None:
        self.stopped_early = False
        self._remote, self._inputs, self._last = remote, inputs, last
        self._load = remote.ensure()
        self._stream = remote.stream(inputs)

    def __iter__(self) -> Iterator[int]:
        said = False
        try:
            for token in self._tokens():
                said = True
                yield token
        except (NotLoaded, Away) as error:
            if said:
                raise _broken_off(error) from error
            self._remote.recover(error, self._load)
            self._stream = self._remote.stream(self._inputs)
            try:
                yield from self._tokens()
            except NotLoaded as again:
                raise _lost(again) from again

    def close(self) -> None:
        """Cancels the call; nothing happens when it is over."""
        self._stream.cancel()

    def _tokens(self) -> Iterator[int]:
        with closing(iter(self._stream)) as answers:  # type: ignore[type-var]
            for answer in answers:
                for token in answer["TOKENS"].tolist():
                    if token in self._last:
                        self.stopped_early = self._last[token]
                        return
                    yield token


def _lost(error: Exception) -> Unavailable:
    """What one is told when another try is of no use now."""
    if isinstance(error, Unavailable):
        return error
    message = "The engine that speaks (Triton) has not kept the model."
    return Unavailable(message, hint=HINT, reason="ENGINE_AWAY", retry_seconds=LOST_SECONDS)


def _broken_off(error: Exception) -> Unavailable:
    if isinstance(error, Unavailable):
        return error
    return Unavailable("The engine that speaks (Triton) was stopped in the middle.", hint="Try again in a minute.")
