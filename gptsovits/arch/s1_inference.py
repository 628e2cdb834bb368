"""Stage-1 inference in torch with a key/value cache; the loop itself is :mod:`gptsovits.runtime.generation`."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gptsovits.arch.s1 import KeysValues, Text2Semantic
from gptsovits.runtime.generation import Generated, LogitsSeen, generate
from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.sampling import Floats, Race, Sampling, Tokens


class TorchStepper:
    """Cache of one running batch; see :class:`gptsovits.runtime.generation.Stepper`."""

    def __init__(self, network: Text2Semantic, past: list[KeysValues], padding: Tensor | None) -> None:
        self._network = network
        self._past = past
        self._padding = padding

    @torch.inference_mode()
    def step(self, tokens: Tokens, position: int) -> Floats:
        """Appends one token per row; logits ``(B, V)``."""
        device = self._past[0][0].device
        logits, self._past = self._network.step(
            torch.from_numpy(tokens).to(device), position, self._past, self._padding
        )
        return logits.float().cpu().numpy()

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drops finished rows."""
        chosen = torch.from_numpy(rows).to(self._past[0][0].device)
        self._past = [(key[chosen], value[chosen]) for key, value in self._past]
        self._padding = None if self._padding is None else self._padding[chosen]


@torch.inference_mode()
def infer(
    network: Text2Semantic,
    phones: Tensor,
    bert: Tensor | None,
    prompt: Tensor,
    sampling: Sampling,
    padding: Tensor | None = None,
    race: Race | None = None,
    on_logits: LogitsSeen | None = None,
    reading: MonotonicReading | None = None,
) -> list[Generated]:
    """Generates for phones ``(B, N)``, bert ``(B, bert_dim, N)``, prompt ``(B, P)`` (P = 0: prompt-free).

    ``padding (B,)`` is the number of left-padded phones per row, None when all rows are full.
    """
    logits, past = network(phones, bert, prompt, padding)
    stepper = TorchStepper(network, past, padding)
    first = logits[:, -1].float().cpu().numpy()
    return generate(stepper, first, prompt.cpu().numpy(), network.config.EOS, sampling, race, on_logits, reading)


def left_padded(rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Stacks tensors ``(..., N_i)`` padded with zeros on the left: ``(B, ..., N)`` and the padding counts ``(B,)``."""
    longest = max(row.shape[-1] for row in rows)
    counts = [longest - row.shape[-1] for row in rows]
    padded = [torch.nn.functional.pad(row, (count, 0)) for row, count in zip(rows, counts, strict=True)]
    return torch.stack(padded), torch.tensor(counts, device=rows[0].device)
