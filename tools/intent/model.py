"""The model of requests while it is taught: the first layers of an encoder, and what is read from them."""

from __future__ import annotations

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from tools.intent.encoder import Packed, encoder

LAYERS, VIEWS, INNER = 8, 8, 768
STATE = "reader.pt"


class IntentNet(nn.Module):
    """Ids to the logits of values that are wanted, then of those that are denied: (texts, 2 · values)."""

    def __init__(self, body: Any, values: int) -> None:
        super().__init__()
        width = body.config.hidden_size
        self.body = body
        self.views = nn.Parameter(torch.randn(VIEWS, width) * 0.02)
        self.keys = nn.Linear(width, width)
        self.mix = nn.Linear(width * (VIEWS + 1), INNER)
        self.told = nn.Linear(INNER, 2 * values)
        nn.init.constant_(self.told.bias, -4.0)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Each view looks at what it seeks; the mean sees the whole."""
        hidden = self.body(ids, attention_mask=mask).last_hidden_state
        odds = self.odds(hidden).masked_fill(~mask[..., None].bool(), -1e4)
        mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return self.outputs(hidden, odds, mean)

    def odds(self, hidden: torch.Tensor) -> torch.Tensor:
        """How much each view looks at each piece: (texts, length, views)."""
        return torch.matmul(self.keys(hidden), self.views.T).float() / math.sqrt(VIEWS)

    def outputs(self, hidden: torch.Tensor, odds: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        """The logits of what the views see and of the mean (texts, width)."""
        shares = odds.softmax(1).to(hidden.dtype)
        seen = torch.matmul(shares.transpose(1, 2), hidden).flatten(1)
        told: torch.Tensor = self.told(functional.gelu(self.mix(torch.cat([seen, mean], -1))))
        return told


def untaught(packed: Packed, values: Sequence[str]) -> IntentNet:
    """The model as the encoder was before it was taught; its embeddings stay as they are."""
    net = IntentNet(encoder(packed, LAYERS), len(values))
    net.body.embeddings.requires_grad_(False)
    return net


def opened(packed: Packed, values: Sequence[str], *folders: Path) -> IntentNet:
    """The model as a folder has it, or the mean of several that went on from each other (Wortsman et al. 2022).

    Raises:
        FileNotFoundError: a folder has none.
        ValueError: it has one of other values, or something else.
    """
    net = untaught(packed, values)
    states = [_weights(folder / STATE, values) for folder in folders]
    mean = {name: sum(one[name] for one in states) / len(states) for name in states[0]}
    net.load_state_dict(mean, strict=False)
    return net


def _weights(state: Path, values: Sequence[str]) -> dict[str, torch.Tensor]:
    try:
        kept = torch.load(state, weights_only=True)
        known, weights = kept["values"], kept["weights"]
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"{state} cannot be read: name another folder") from error
    if known != list(values):
        raise ValueError(f"{state} was taught other values than the lexicon has now: name another folder")
    return {name: value for name, value in weights.items() if value.is_floating_point()}


def keep(net: IntentNet, values: Sequence[str], folder: Path) -> None:
    """Writes what it was taught, and the values that it tells."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: value for name, value in net.state_dict().items() if ".word_embeddings." not in name}
    torch.save({"values": list(values), "weights": weights}, folder / f"{STATE}.new")
    (folder / f"{STATE}.new").replace(folder / STATE)
