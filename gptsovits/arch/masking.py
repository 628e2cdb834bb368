"""Masks of valid frames: ``(B, 1, T)``, 1 where valid; None means that every frame is valid (inference)."""

from __future__ import annotations

import torch
from torch import Tensor


def length_mask(lengths: Tensor, longest: int) -> Tensor:
    """Mask ``(B, 1, longest)`` of the first ``lengths (B,)`` frames, float32."""
    positions = torch.arange(longest, device=lengths.device)
    return (positions[None, :] < lengths[:, None]).unsqueeze(1).float()


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """``x`` with invalid frames set to zero."""
    return x if mask is None else x * mask


def pair_mask(queries: Tensor | None, keys: Tensor | None) -> Tensor | None:
    """Which pairs of frames may see each other: ``(B, 1, T, S)``, or None if all may."""
    if queries is None or keys is None:
        return None
    return queries.unsqueeze(-1) * keys.unsqueeze(2)
