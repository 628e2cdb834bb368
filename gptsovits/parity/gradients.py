"""Gradient norms against recorded ones."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from gptsovits.parity.outcome import GRADIENT_TOLERANCE, Comparison, Outcome

CANCELLED = ("conv_k.bias", "w_ks.bias")
"""Key biases cancel in the softmax: their recorded gradients are rounding noise."""
NEGLIGIBLE = 1e-4


def compare_norms(case: str, network: nn.Module, norms: Mapping[str, float | None], prefix: str = "") -> Outcome:
    """Norms of all parameters that matter; where none was recorded there must be no gradient."""
    parameters = dict(network.named_parameters())
    largest = max(norm for norm in norms.values() if norm is not None)
    comparison = Comparison(case)
    for name, norm in norms.items():
        gradient = parameters[prefix + name].grad
        if norm is None:
            comparison.exact(f"{name} is frozen", gradient is None, True)
        elif norm > NEGLIGIBLE * largest and not name.endswith(CANCELLED):
            found = 0.0 if gradient is None else float(gradient.norm())
            comparison.relative(name, found, norm, GRADIENT_TOLERANCE)
    return comparison.outcome()
