"""Mixed precision of a training step: the network computes in half, weights and losses stay in float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor


class MixedPrecision:
    """float16 with a loss scaler on a GPU, bfloat16 without one on a CPU; does nothing when not ``enabled``."""

    def __init__(self, device: torch.device, enabled: bool) -> None:
        self._kind = device.type
        self._enabled = enabled
        self._scaler = torch.amp.GradScaler(self._kind, enabled=enabled and self._kind == "cuda")

    def forward(self) -> AbstractContextManager[Any]:
        """What surrounds a forward pass."""
        if not self._enabled:
            return nullcontext()
        return torch.autocast(self._kind, torch.float16 if self._kind == "cuda" else torch.bfloat16)

    def backward(self, loss: Tensor) -> None:
        """Gradients of the loss, scaled where float16 could lose them."""
        self._scaler.scale(loss.float()).backward()  # type: ignore[no-untyped-call]

    def step(self, optimiser: torch.optim.Optimizer) -> None:
        """A step of the optimiser, left out when a scaled gradient overflowed."""
        self._scaler.step(optimiser)

    def update(self) -> None:
        """Adapts the scale, once per update."""
        self._scaler.update()

    def state(self) -> dict[str, Any]:
        """For an exact resume."""
        return dict(self._scaler.state_dict())

    def resume(self, state: dict[str, Any]) -> None:
        """Continues from :meth:`state`."""
        self._scaler.load_state_dict(state)
