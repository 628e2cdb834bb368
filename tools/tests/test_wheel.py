from __future__ import annotations

from tools.wheel import MOST_BYTES, closure, hub_weight


def test_a_hub_without_the_trainer_is_light_and_knows_no_torch() -> None:
    names = set(closure("voicehub", frozenset({"hub"})))
    assert {"flask", "grpcio", "onnxruntime", "av"} <= names
    assert not names & {"torch", "transformers", "onnx", "resemblyzer"}
    assert 50_000_000 < hub_weight() < MOST_BYTES


def test_the_trainer_is_an_extra_of_its_own() -> None:
    assert {"torch", "transformers", "resemblyzer"} <= set(closure("voicehub", frozenset({"train"})))
