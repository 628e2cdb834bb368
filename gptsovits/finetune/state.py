"""The state of a fine-tune on disk after every epoch: enough to go on exactly as if nothing had happened."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gptsovits.errors import UNREADABLE

log = logging.getLogger(__name__)

_FILE = "state.pt"


class SavedState:
    """One file in ``folder``, replaced atomically."""

    def __init__(self, folder: Path, identity: str) -> None:
        self._path = folder / _FILE
        self._identity = identity
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, epoch: int, tensors: dict[str, Any], source: np.random.Generator, seconds: float) -> None:
        """Keeps ``tensors`` and both random sources as they are after ``epoch`` epochs."""
        content = {
            "identity": self._identity,
            "epoch": epoch,
            "tensors": tensors,
            "numpy": _words(source),
            "torch": torch.get_rng_state(),
            "seconds": seconds,
        }
        partial = self._path.with_suffix(".partial")
        with partial.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, self._path)

    def restore(self, source: np.random.Generator) -> tuple[int, dict[str, Any], float] | None:
        """Epoch, tensors and seconds of the last whole epoch; None when there is none of this identity.

        A state that cannot be read is none: begun anew, the fine-tune ends with the same weights, only later.
        """
        if not self._path.exists():
            return None
        try:
            content = torch.load(self._path, weights_only=True)
        except UNREADABLE:
            log.warning("the state of the fine-tune in %s is damaged; it begins anew", self._path)
            return None
        if content["identity"] != self._identity:
            return None
        _set_words(source, content["numpy"])
        torch.set_rng_state(content["torch"])
        return int(content["epoch"]), content["tensors"], float(content["seconds"])


def _words(source: np.random.Generator) -> dict[str, str | int]:
    state = source.bit_generator.state
    return {
        "state": str(state["state"]["state"]),
        "inc": str(state["state"]["inc"]),
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


def _set_words(source: np.random.Generator, words: dict[str, Any]) -> None:
    state = dict(source.bit_generator.state)
    state["state"] = {"state": int(words["state"]), "inc": int(words["inc"])}
    state["has_uint32"], state["uinteger"] = words["has_uint32"], words["uinteger"]
    source.bit_generator.state = state
