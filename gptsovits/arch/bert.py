"""BERT of a published base: a model of the ``transformers`` class, any width, from a local folder."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn
from transformers import BertConfig, BertModel

from gptsovits.errors import BrokenVoice

LAYERS_LEFT_OUT = 2
"""The features are the third last entry of the hidden states: the output before the last two layers."""


class BertNetwork(nn.Module):
    """Token ids ``(1, T)`` with their start and end marks -> features ``(T - 2, D)``."""

    def __init__(self, model: BertModel) -> None:
        super().__init__()
        self.model = model
        model.encoder.layer = model.encoder.layer[:-LAYERS_LEFT_OUT]

    @property
    def feature_dim(self) -> int:
        """D."""
        return int(self.model.config.hidden_size)

    def forward(self, ids: Tensor) -> Tensor:
        """One row of features per character."""
        hidden: Tensor = self.model(ids).last_hidden_state
        return hidden[0, 1:-1]


def load_bert_network(folder: Path) -> BertNetwork:
    """Reads ``config.json`` and ``model.safetensors`` (no code runs); nothing is downloaded."""
    if not (folder / "model.safetensors").is_file() or not (folder / "config.json").is_file():
        raise BrokenVoice(f"{folder} must hold config.json and model.safetensors of a BERT; convert the model first.")
    config = BertConfig.from_pretrained(folder, local_files_only=True)
    if config.num_hidden_layers <= LAYERS_LEFT_OUT:
        raise BrokenVoice(f"{folder} is a BERT of {config.num_hidden_layers} layers; at least three are needed.")
    # The eager attention is the one that can be traced; it computes the same.
    config._attn_implementation = "eager"
    model = BertModel.from_pretrained(
        folder, config=config, local_files_only=True, use_safetensors=True, add_pooling_layer=False
    )
    network = BertNetwork(model)
    network.float().eval()
    return network
