"""How long a fine-tune of the pipeline is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gptsovits.finetune.settings import FinetuneSettings
from gptsovits.pipeline.training import settings_of


def test_a_road_is_tried_with_fewer_steps_and_all_else_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOICEHUB_FINETUNE_STEPS", raising=False)
    assert (settings_of(quick=True), settings_of(quick=False)) == (FinetuneSettings.quick(), FinetuneSettings())
    monkeypatch.setenv("VOICEHUB_FINETUNE_STEPS", "4")
    assert settings_of(quick=True) == replace(FinetuneSettings.quick(), steps=4)
