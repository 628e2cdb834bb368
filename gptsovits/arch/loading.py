"""Checkpoint tensors into networks, in float32; a tensor that is missing, foreign or misshapen is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

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
Network = TypeVar("Network", bound=nn.Module)


def load_s1(tensors: Tensors, config: Mapping[str, Any]) -> Text2Semantic:
    """Stage 1 in eval mode from checkpoint tensors and configuration."""
    with _damage_told():
        sizes = S1Config.from_config(config)
    return _filled(lambda: Text2Semantic(sizes), tensors, sizes.n_layer).eval()


def load_s2(tensors: Tensors, config: Mapping[str, Any], posterior: bool = False) -> Synthesizer:
    """Stage 2 in eval mode; ``posterior`` keeps ``enc_q``, which only base files have."""
    with _damage_told():
        sizes = S2Config.from_config(complete_config(tensors, config))
    wanted = tensors if posterior else {name: value for name, value in tensors.items() if not _posterior(name)}
    return _filled(lambda: Synthesizer(sizes, posterior), wanted, sizes.n_layers).eval()


def _filled(build: Callable[[], Network], tensors: Tensors, layers: int) -> Network:
    """The network that ``build`` makes, with these tensors.

    It is made without memory first: a configuration that lies about its sizes costs nothing but an answer.
    """
    with _damage_told(), torch.device("meta"):
        if layers > len(tensors):
            raise ValueError(f"{layers} layers in {len(tensors)} tensors")
        _compare(build(), tensors)
    network = build()
    fill(network, tensors)
    return network


@contextmanager
def _damage_told() -> Iterator[None]:
    """What a configuration of wrong types, without sections or with impossible sizes raises, as one kind of error."""
    try:
        yield
    except (ArithmeticError, AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise BrokenVoice(
            f"The configuration of the file makes no network ({type(error).__name__}: {reason}); the file is damaged."
        ) from error


def fill(network: nn.Module, tensors: Tensors) -> None:
    """Copies every tensor into ``network``; names and shapes must agree exactly."""
    _compare(network, tensors)
    network.load_state_dict({name: _float32(value) for name, value in tensors.items()})


def _compare(network: nn.Module, tensors: Tensors) -> None:
    expected = network.state_dict()
    wrong = sorted(set(expected) ^ set(tensors))
    wrong += [name for name, value in expected.items() if name in tensors and value.shape != tensors[name].shape]
    if wrong:
        raise BrokenVoice(
            f"{len(wrong)} tensors do not fit the sizes in the configuration, the first is {wrong[0]}; "
            "the file is damaged or its configuration belongs to another model."
        )


def dump(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    """The tensors of ``network`` as numpy, float32."""
    return {name: value.detach().float().cpu().numpy() for name, value in network.state_dict().items()}


def _float32(value: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(value, np.float32))


def _posterior(name: str) -> bool:
    return name.startswith("enc_q.")
