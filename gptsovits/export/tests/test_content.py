"""An exported content encoder of the real class computes what torch computes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from gptsovits.arch.content import content_features, load_content_network
from gptsovits.errors import BrokenVoice
from gptsovits.export.content import export_content_encoder
from gptsovits.runtime.content import ContentEncoder


def test_runtime_equals_torch_at_other_lengths(small_hubert: Path, tmp_path: Path) -> None:
    encoder = ContentEncoder.load(export_content_encoder(small_hubert, tmp_path / "base", {"name": "test"}))
    network = load_content_network(small_hubert)
    assert encoder.feature_dim == 96
    for length in (4000, 16000, 31337):
        wave = np.random.default_rng(length).standard_normal(length).astype(np.float32) * 0.2
        expected = content_features(network, torch.from_numpy(wave)[None]).numpy()
        assert expected.shape == (1, 96, (length - 400) // 320 + 1)
        np.testing.assert_allclose(encoder.features(wave), expected, atol=1e-4)


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokenVoice, match=r"model\.safetensors"):
        load_content_network(tmp_path)
    with pytest.raises(BrokenVoice, match="no content encoder"):
        ContentEncoder.load(tmp_path)
