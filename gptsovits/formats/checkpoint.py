"""Reading original checkpoints, through the one reader of foreign files in the house; no code of a file runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import voicescan
from gptsovits.errors import BrokenVoice
from gptsovits.formats.kinds import Kind, kind_of


@dataclass(frozen=True)
class VoiceFile:
    """A stage of a voice: tensors as stored (names, shapes, dtypes), configuration, ``info`` and what it is."""

    tensors: Mapping[str, NDArray[Any]]
    config: Mapping[str, Any]
    info: str
    head: str
    kind: Kind


def read_voice_file(path: Path) -> VoiceFile:
    """Reads a ``.ckpt`` or ``.pth`` of any head and precision.

    Raises ``voicescan.Refused`` for hostile or damaged files and for weights whose type has no numbers here (8-bit
    floats), and :class:`gptsovits.errors.BrokenVoice` for files that hold no configuration.
    """
    checkpoint = voicescan.read_checkpoint(path)
    tensors = {name: np.asarray(value) for name, value in checkpoint.tensors.items()}
    config = checkpoint.config
    if not isinstance(config, Mapping) or not isinstance(config.get("model"), Mapping):
        raise BrokenVoice(f"{path} holds weights without their configuration; save it again with its config section.")
    return VoiceFile(tensors, config, str(checkpoint.info), checkpoint.head, kind_of(tensors, config, checkpoint.head))
