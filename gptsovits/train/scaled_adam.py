"""ScaledAdam: Adam whose steps are relative to the size of each tensor, with a learned change of that size.

After the optimiser of the icefall project (Yao et al. 2023, Zipformer, section 3.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class ScaledAdamOptions:
    """Constants; the defaults are those of the original.

    ``clip_main_step`` lets clipping reach the main step too, which the original does not do.
    """

    betas: tuple[float, float] = (0.9, 0.95)
    clipping_scale: float = 2.0
    clipping_update_period: int = 1000
    scalar_lr_scale: float = 0.1
    eps: float = 1e-8
    param_min_rms: float = 1e-5
    param_max_rms: float = 3.0
    scalar_max: float = 10.0
    size_update_period: int = 4
    clip_main_step: bool = False


class ScaledAdam(torch.optim.Optimizer):
    """One group of parameters; state per tensor is ordinary optimiser state, so ``state_dict`` resumes exactly."""

    def __init__(
        self, parameters: Iterable[Tensor], lr: float = 0.01, options: ScaledAdamOptions | None = None
    ) -> None:
        self.options = options or ScaledAdamOptions()
        super().__init__(parameters, {"lr": lr, "step": 0, "norms": [], "threshold": None})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update of all parameters that have a gradient."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            for parameter in parameters:
                self._prepare(parameter)
            clipping = self._clipping_factor(group, parameters)
            for parameter in parameters:
                self._update(parameter, group, clipping)
            group["step"] += 1
        return loss

    def _prepare(self, parameter: Tensor) -> None:
        state = self.state[parameter]
        if state:
            return
        state["delta"] = torch.zeros_like(parameter)
        state["square"] = torch.zeros_like(parameter)
        if parameter.numel() > 1:
            state["rms"] = _rms(parameter)
            state["size_square"] = torch.zeros((), dtype=parameter.dtype, device=parameter.device)
            state["size_gradients"] = torch.zeros(
                self.options.size_update_period, dtype=parameter.dtype, device=parameter.device
            )

    def _clipping_factor(self, group: dict[str, Any], parameters: list[Tensor]) -> float:
        """At most 1; from the median of the norms of the last period, no clipping in the first."""
        step, period = group["step"], self.options.clipping_update_period
        if step == 0:
            group["norms"] = [0.0] * period
            return 1.0
        norm = sum(self._weighted_square(parameter) for parameter in parameters) ** 0.5
        group["norms"][step % period] = norm
        if step % period == 0:
            median = sorted(group["norms"])[min(period - 1, period // 4 * 2)]
            group["threshold"] = self.options.clipping_scale * median
        if step < period:
            return 1.0
        return float(min(1.0, group["threshold"] / (norm + 1e-20)))

    def _weighted_square(self, parameter: Tensor) -> float:
        assert parameter.grad is not None
        scale = self.state[parameter].get("rms", 1.0)
        return float((parameter.grad * scale).square().sum())

    def _update(self, parameter: Tensor, group: dict[str, Any], clipping: float) -> None:
        assert parameter.grad is not None
        state, step, lr = self.state[parameter], int(group["step"]), float(group["lr"])
        clipped = parameter.grad * clipping
        gradient = clipped if self.options.clip_main_step else parameter.grad
        state["delta"].mul_(self.options.betas[0])
        if parameter.numel() == 1:
            self._scalar_step(parameter, state, gradient, step, lr)
            return
        self._size_step(parameter, state, clipped, step, lr)
        self._main_step(state, gradient, step, lr)
        parameter.add_(state["delta"])

    def _size_step(self, parameter: Tensor, state: dict[str, Tensor], gradient: Tensor, step: int, lr: float) -> None:
        """Every few steps the tensor grows or shrinks as a whole, along the gradient of its logarithmic size."""
        options, (beta1, beta2) = self.options, self.options.betas
        period = options.size_update_period
        state["size_gradients"][step % period] = (parameter * gradient).sum()
        if step % period != period - 1:
            return
        state["rms"] = rms = _rms(parameter)
        slow = beta2**period
        state["size_square"].mul_(slow).add_(state["size_gradients"].square().mean(), alpha=1 - slow)
        correction = (1 - slow ** ((step + 1) // period)) ** 0.5
        size_lr = lr * options.scalar_lr_scale
        change = -size_lr * correction * state["size_gradients"].sum() / (state["size_square"].sqrt() + options.eps)
        change = torch.where(rms < options.param_min_rms, torch.zeros_like(change), change)
        change = torch.where(rms > options.param_max_rms, torch.full_like(change, -size_lr * period), change)
        state["delta"].add_(parameter * change, alpha=1 - beta1)

    def _main_step(self, state: dict[str, Tensor], gradient: Tensor, step: int, lr: float) -> None:
        beta1, beta2 = self.options.betas
        square = state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        correction = 1 - beta2 ** (step + 1)
        if correction < 0.99:
            square = square / correction
        size = state["rms"].clamp_min(self.options.param_min_rms)
        state["delta"].add_(gradient / (square.sqrt() + self.options.eps) * size, alpha=-lr * (1 - beta1))

    def _scalar_step(self, parameter: Tensor, state: dict[str, Tensor], gradient: Tensor, step: int, lr: float) -> None:
        beta1, beta2 = self.options.betas
        square = state["square"].mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2) / (1 - beta2 ** (step + 1))
        scale = -lr * self.options.scalar_lr_scale * (1 - beta1)
        state["delta"].add_(gradient / (square.sqrt() + self.options.eps), alpha=scale)
        parameter.clamp_(-self.options.scalar_max, self.options.scalar_max).add_(state["delta"])


def _rms(parameter: Tensor) -> Tensor:
    return parameter.square().mean().sqrt()
