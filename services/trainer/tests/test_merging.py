"""Merges of weights in the trainer: the result, a crash, refusals, a criss-cross history."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from gptsovits.merging import Recipe, Voice, merge
from services.common.objects import Area
from services.trainer.merging import materials, store
from services.trainer.merging.domain import State
from services.trainer.tests.merging import NAMES, Place, ask, ended, place, pushed, version

__all__ = ["place"]


def _values(tensors: Mapping[str, NDArray[Any]]) -> dict[str, float]:
    """What each tensor is full of."""
    return {name: float(value.max()) for name, value in tensors.items()}


def test_both_changes_are_in_the_result_which_is_the_same_to_the_byte(place: Place) -> None:
    runner = place.runner()
    merge_id = ask(place, runner, strategy="task")
    assert runner.take()
    assert not runner.take(), "an event that comes twice is one merge"
    one = ended(place, merge_id)
    assert (one.state, one.result) == (State.MERGED, "made")
    (told,) = place.catalog.told
    assert (told.pull_id, told.base_version, told.head_version) == ("p", "ours", "theirs")
    by_role = {file.role: file for file in told.result.files}
    assert set(by_role) == {"s1", "s2", "prompt", "lexicon"}
    assert by_role["prompt"].filename == "a.flac"
    assert "measured" not in told.result.card
    assert set(told.result.figures) == {"speaker_embedding"}
    assert _values(pushed(place, told)) == {"s1/model.h.0.w": 2.0, "s2/dec.w": 1.0, "s2/quantizer.w": 0.5}
    ask(place, runner, strategy="task")
    runner.take()
    assert place.catalog.told[1] == told, "the same input, the same bytes"


def test_a_crash_before_it_is_noted_does_it_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = place.runner()
    merge_id = ask(place, runner)

    def crash(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(store, "end", crash)
        with pytest.raises(RuntimeError):
            runner.take()
    assert ended(place, merge_id).state is State.QUEUED
    again = place.runner()
    assert again.take()
    assert place.catalog.told[0] == place.catalog.told[1]
    assert ended(place, merge_id).state is State.MERGED


def test_what_cannot_be_merged_is_told_in_a_sentence(place: Place) -> None:
    place.catalog.versions["theirs"].requires["symbols"] = "e" * 64
    runner = place.runner()
    merge_id = ask(place, runner)
    assert runner.take()
    (told,) = place.catalog.told
    assert told.failure.startswith("The voices stand on different symbols")
    assert not told.HasField("result")
    assert ended(place, merge_id).state is State.FAILED


def test_a_request_that_is_outdated_or_lacks_an_object_ends(place: Place) -> None:
    runner = place.runner()
    place.catalog.outdated = True
    outdated = ask(place, runner)
    assert runner.take()
    assert ended(place, outdated).state is State.FAILED
    place.catalog.outdated = False
    place.catalog.versions["theirs"].tensors[0].digest = "0" * 64
    lost = ask(place, runner)
    assert runner.take()
    assert "ask for it again" in place.catalog.told[-1].failure
    assert ended(place, lost).state is State.FAILED


def test_the_worker_says_what_happened_part_by_part(place: Place) -> None:
    folder = place.folder / "work"
    (folder / "objects").mkdir(parents=True)
    versions = place.catalog.versions
    for digest in {t.digest for one in versions.values() for t in one.tensors}:
        with place.objects.open(Area.SERVED, digest) as stream:
            (folder / "objects" / digest).write_bytes(stream.read())
    told = {name: {**materials.told(one), "lexicon": ""} for name, one in versions.items()}
    request = {"ours": "ours", "theirs": "theirs", "parents": {"ours": ["base"], "theirs": ["base"]},
               "options": {"choices": {"decoder": "theirs"}}, "versions": told}  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    done = subprocess.run(
        [sys.executable, "-m", "services.trainer.merging.worker", str(folder)], capture_output=True, check=True
    )
    report = {one["module"]: one for one in json.loads(done.stdout)["report"]}
    assert report["decoder"]["theirs"] == 1
    assert report["stage1.layers"]["theirs"] == 1


CRISS_CROSS = {
    "root": ((), {}),
    "a": (("root",), {"s2/dec.w": 1.0}),
    "b": (("root",), {"s2/dec.w": 0.25, "s1/model.h.0.w": 2.0}),
    "ours": (("a", "b"), {"s2/dec.w": 1.25, "s1/model.h.0.w": 2.0}),
    "theirs": (("b", "a"), {"s2/dec.w": 0.75, "s1/model.h.0.w": 3.0}),
}
"""Both sides merged both of what went before, each in its own way: parents, and what differs from 0.5."""


def test_a_criss_cross_history_is_merged_over_the_base_that_both_middles_make(place: Place) -> None:
    place.catalog.history = list(reversed(CRISS_CROSS))
    for name, (parents, changes) in CRISS_CROSS.items():
        place.catalog.versions[name] = version(place.objects, name, changes)
        place.catalog.versions[name].parents.extend(parents)
    runner = place.runner()
    for _ in range(2):
        ask(place, runner, ["a", "b"], strategy="task")
        assert runner.take()
    one, again = place.catalog.told
    assert one == again, "the same input, the same bytes"
    made = pushed(place, one)
    voices = {name: _voice(changes) for name, (_, changes) in CRISS_CROSS.items()}
    recipe = Recipe("task")
    virtual = merge(voices["root"], voices["a"], voices["b"], recipe).voice
    expected = merge(virtual, voices["ours"], voices["theirs"], recipe).voice.tensors
    assert {name: value.tobytes() for name, value in made.items()} == {n: v.tobytes() for n, v in expected.items()}
    # The virtual base has 0.75 there, as theirs has: what ours changed stands. One middle alone would give 1.0 or 1.75.
    assert _values(made) == {"s1/model.h.0.w": 3.0, "s2/dec.w": 1.25, "s2/quantizer.w": 0.5}
    for middle in ("a", "b"):
        alone = merge(voices[middle], voices["ours"], voices["theirs"], recipe).voice.tensors
        assert _values(alone) != _values(made)


def _voice(changes: Mapping[str, float]) -> Voice:
    return Voice({name: np.full((2, 3), changes.get(name, 0.5), "<f2") for name in NAMES})
