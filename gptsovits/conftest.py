"""What tests of several parts of the engine stand on."""

from __future__ import annotations

from pathlib import Path

import pytest


def write_small_hubert(folder: Path, seed: int = 11) -> Path:
    """A content encoder of the class of the published one (`transformers`), 96 wide, with weights from a seed."""
    import torch
    from transformers import HubertConfig, HubertModel

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    config = HubertConfig(
        hidden_size=96, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        conv_dim=(32,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
    )  # fmt: skip
    HubertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def small_hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One of them for all tests of a run."""
    return write_small_hubert(tmp_path_factory.mktemp("hubert"))
