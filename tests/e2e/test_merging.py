"""From a fork to merged weights on a whole hub: merged, judged, and only then on the branch; kill -9 in the middle."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.e2e.house import House, Person, open_house
from tests.e2e.nano import Change, push_nano

PATIENCE = 900.0
BETWEEN_LOOKS = 3.0
"""Seconds; each look is a process, whose computing the hub would lack."""


def nudged(prefix: str, seed: int) -> Change:
    """A small change of some tensors, as a few steps of training make."""

    def change(name: str, value: NDArray[Any]) -> NDArray[Any]:
        if not name.startswith(prefix) or not np.issubdtype(value.dtype, np.floating):
            return value
        noise = np.random.default_rng(seed).normal(0, 1e-3, value.shape) * (np.abs(value).mean() + 1e-6)
        return np.asarray(value + noise, value.dtype)

    return change


def scrambled(name: str, value: NDArray[Any]) -> NDArray[Any]:
    """A stage 1 that says something else: the phones of its text are exchanged."""
    if name != "s1/model.ar_text_embedding.word_embeddings.weight":
        return value
    return value[np.random.default_rng(5).permutation(len(value))]


@pytest.fixture(scope="module")
def own_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    few = {"VOICEHUB_EVALUATION_SENTENCES": "3"}
    with open_house(tmp_path_factory.mktemp("merging"), environment=few) as running:
        yield running


@pytest.mark.timeout(PATIENCE)
def test_forks_are_merged_when_the_result_is_as_good_and_not_when_it_is_worse(own_house: House, tmp_path: Path) -> None:
    ann, bob = own_house.person("ann"), own_house.person("bob")
    voice = push_nano(ann, tmp_path / "base", "ann/tale")
    base = ann.ok("info", voice)["version"]
    bob.ok("fork", voice)
    push_nano(bob, tmp_path / "theirs", "bob/tale", nudged("s2/dec.stack", 1), ("--onto", base["id"]))
    theirs = bob.ok("info", "bob/tale")["version"]
    push_nano(ann, tmp_path / "ours", voice, nudged("s1/model.h.layers.1", 2), ("--onto", base["id"]))
    ours = ann.ok("info", voice)["version"]
    bob.ok("pr", "open", "bob/tale", "-t", "Warmer vowels")
    assert ann("pr", "merge", voice, "1").code == 4  # the branch has gone on: no step forward
    ann.ok("pr", "merge", voice, "1", "--weights", "--no-wait")
    _until(lambda: _merges(own_house))  # the trainer knows of it
    own_house.kill("trainer")
    done = _until(lambda: _ended(ann, voice, 1))
    assert (done["state"], done["merge_failure"]) == ("merged", ""), done
    merged = ann.ok("info", voice)["version"]
    assert merged["id"] == done["head_version"]
    assert merged["parents"] == [ours["id"], theirs["id"]]
    assert _differs(merged, base) == _differs(ours, base) | _differs(theirs, base)
    assert [row[1] for row in _merges(own_house)] == ["merged"], "killed, and done once"
    assert len([v for v in ann.ok("log", voice) if len(v["parents"]) == 2]) == 1
    ann.ok("say", voice, "The tide was coming in.", "-o", tmp_path / "merged.wav")

    push_nano(bob, tmp_path / "bad", "bob/tale", scrambled, ("--ref", "odd", "--onto", base["id"]))
    bob.ok("pr", "open", "bob/tale@odd", "-t", "Another voice altogether")
    refused = ann("pr", "merge", voice, "2", "--weights", patience=PATIENCE)
    assert refused.code == 4, refused.text
    assert "falls by" in refused.text
    assert ann.ok("info", voice)["version"]["id"] == merged["id"], "the branch has not moved"
    still = ann.ok("pr", "show", voice, "2")["pull"]
    assert (still["state"], still["merging"]) == ("open", False)
    assert still["head_version"] == bob.ok("info", "bob/tale@odd")["version"]["id"], "another try is free"


def test_a_voice_on_another_base_is_not_merged(own_house: House, tmp_path: Path) -> None:
    cyd = own_house.person("cyd")
    voice = push_nano(cyd, tmp_path / "one", "cyd/one")
    push_nano(cyd, tmp_path / "other", "cyd/other", nudged("s2/dec", 4))
    cyd.ok("pr", "open", "cyd/other", "--into", voice, "-t", "From nowhere")
    refused = cyd("pr", "merge", voice, "1", "--weights")
    assert refused.code == 4
    assert "no version in common" in refused.text


def _ended(person: Person, voice: str, number: int) -> dict[str, Any] | None:
    pull: dict[str, Any] = person.ok("pr", "show", voice, str(number))["pull"]
    return None if pull["merging"] else pull


def _merges(house: House) -> list[tuple[str, str]]:
    """Id and state of each merge that the trainer has heard of."""
    with sqlite3.connect(house.data / "db" / "trainer.sqlite") as tables:
        return list(tables.execute("SELECT id, state FROM merges"))


def _differs(version: dict[str, Any], base: dict[str, Any]) -> set[str]:
    before = {t["name"]: t["digest"] for t in base["tensors"]}
    return {t["name"] for t in version["tensors"] if before[t["name"]] != t["digest"]}


def _until(look: Callable[[], Any]) -> Any:
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(BETWEEN_LOOKS)
    return found
