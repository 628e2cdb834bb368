"""Content encoder of a published base: a HuBERT of the ``transformers`` class, any width, from a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from gptsovits.errors import BrokenVoice

if TYPE_CHECKING:
    from transformers import HubertModel


class ContentNetwork(nn.Module):
    """Wave ``(1, L)`` at 16 kHz, fed raw -> last hidden state ``(1, C, T)``, T = (L - 400) // 320 + 1."""

    def __init__(self, model: HubertModel) -> None:
        super().__init__()
        self.model = model

    @property
    def feature_dim(self) -> int:
        """C."""
        return int(self.model.config.hidden_size)

    def forward(self, wave: Tensor) -> Tensor:
        """The features that stage 2 quantises."""
        hidden: Tensor = self.model(wave).last_hidden_state
        return hidden.transpose(1, 2)


def load_content_network(folder: Path) -> ContentNetwork:
    """Reads ``config.json`` and ``model.safetensors`` (no code runs); nothing is downloaded."""
    from transformers import HubertConfig, HubertModel  # Seven seconds of computing, and few processes need it.

    if not (folder / "model.safetensors").is_file() or not (folder / "config.json").is_file():
        raise BrokenVoice(f"{folder} must hold config.json and model.safetensors of a HuBERT; convert the model first.")
    config = HubertConfig.from_pretrained(folder, local_files_only=True)
    # The eager attention is the one that can be traced; it computes the same.
    config._attn_implementation = "eager"
    model = HubertModel.from_pretrained(folder, config=config, local_files_only=True, use_safetensors=True)
    network = ContentNetwork(model)
    network.float().eval()
    return network


def content_features(network: ContentNetwork, wave: Tensor) -> Tensor:
    """Features without gradient."""
    with torch.inference_mode():
        features: Tensor = network(wave)
        return features
