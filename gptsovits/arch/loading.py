"""Checkpoint tensors into networks, in float32; a tensor that is missing, foreign or misshapen is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s2 import Synthesizer
from gptsovits.config import S1Config, S2Config
from gptsovits.errors import BrokenVoice
from gptsovits.formats.kinds import complete_config

Tensors = Mapping[str, NDArray[Any]]


def load_s1(tensors: Tensors, config: Mapping[str, Any]) -> Text2Semantic:
    """Stage 1 in eval mode from checkpoint tensors and configuration."""
    network = Text2Semantic(S1Config.from_config(config))
    fill(network, tensors)
    return network.eval()


def load_s2(tensors: Tensors, config: Mapping[str, Any], posterior: bool = False) -> Synthesizer:
    """Stage 2 in eval mode; ``posterior`` keeps ``enc_q``, which only base files have."""
    network = Synthesizer(S2Config.from_config(complete_config(tensors, config)), posterior)
    wanted = tensors if posterior else {name: value for name, value in tensors.items() if not _posterior(name)}
    fill(network, wanted)
    return network.eval()


def fill(network: nn.Module, tensors: Tensors) -> None:
    """Copies every tensor into ``network``; names and shapes must agree exactly."""
    expected = network.state_dict()
    wrong = sorted(set(expected) ^ set(tensors))
    wrong += [name for name, value in expected.items() if name in tensors and value.shape != tensors[name].shape]
    if wrong:
        raise BrokenVoice(
            f"{len(wrong)} tensors do not fit the sizes in the configuration, the first is {wrong[0]}; "
            "the file is damaged or its configuration belongs to another model."
        )
    network.load_state_dict({name: _float32(value) for name, value in tensors.items()})


def dump(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """The tensors of ``network`` as numpy, float32."""
    return {name: value.detach().float().cpu().numpy() for name, value in network.state_dict().items()}


def _float32(value: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(value, np.float32))


def _posterior(name: str) -> bool:
    return name.startswith("enc_q.")
