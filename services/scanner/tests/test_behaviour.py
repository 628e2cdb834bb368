"""The behaviour test without its outer wall, and exports that say themselves why they cannot speak."""

from __future__ import annotations

from pathlib import Path

from services.common.objects import Area, open_store
from services.scanner.behaviour import BehaviourTest
from services.scanner.sandbox import Sandbox
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2


def test_a_reason_not_to_speak_is_passed_on(tmp_path: Path) -> None:
    test = BehaviourTest(open_store(f"file://{tmp_path}"), Sandbox())
    tested = test.test(inference_pb2.ExportCompleted(version_id="v", not_auditionable="no prompt"))
    assert (tested.outcome, tested.not_auditionable) == ("not-run", "no prompt")


def test_a_missing_outer_wall_refuses_the_test(tmp_path: Path) -> None:
    tested = BehaviourTest(open_store(f"file://{tmp_path}"), Sandbox(outer_wall=False)).test(
        inference_pb2.ExportCompleted(version_id="v")
    )
    assert tested.outcome == "not-run"
    assert "bubblewrap" in tested.not_auditionable
    assert "bubblewrap" in str(tested.observed["refused"])


def test_a_broken_bundle_fails(tmp_path: Path) -> None:
    objects = open_store(f"file://{tmp_path}")
    kept = objects.put(Area.SERVED, [b'{"format": "voicehub-onnx/1"}'])
    reference = common_pb2.ObjectRef(digest=kept.digest, size=kept.size)
    export = inference_pb2.ExportCompleted(
        version_id="v", bundle=[inference_pb2.BundleFile(path="bundle.json", object=reference)]
    )
    tested = BehaviourTest(objects, Sandbox()).test(export)
    assert tested.outcome == "failed"
    assert {f.rule for f in tested.findings} == {"behaviour-broken"}
