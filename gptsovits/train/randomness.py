"""The random generators that a training draws from, as part of its state.

What is drawn on a GPU (dropout) comes from a generator of the GPU; the noise and crops of stage 2 come from the
processor's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


def kept(device: torch.device) -> dict[str, Tensor]:
    """Of the processor, and of ``device`` where that is another."""
    states = {"random": torch.get_rng_state()}
    if device.type == "cuda":
        states["random_gpu"] = torch.cuda.get_rng_state(device)
    return states


def restored(state: Mapping[str, Any], device: torch.device) -> None:
    """Continues from :func:`kept`; a training that goes on elsewhere than it was stopped draws anew there."""
    torch.set_rng_state(state["random"])
    if device.type == "cuda" and "random_gpu" in state:
        torch.cuda.set_rng_state(state["random_gpu"], device)
