"""A version is evaluated on a whole hub: spoken by inference, judged by the trainer, read by whoever may read it."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from gptsovits.judge.sentences import TEST_SENTENCES
from tests.e2e.house import House, Person
from tests.e2e.nano import push_nano


@pytest.fixture(scope="module")
def voice(creator: Person, tmp_path_factory: pytest.TempPathFactory) -> str:
    return push_nano(creator, tmp_path_factory.mktemp("nano"), "creator/judged")


def test_an_evaluation_is_whole_repeatable_and_comparable(
    voice: str, creator: Person, developer: Person, house: House, tmp_path: Path
) -> None:
    assert developer("evaluate", "creator/absent").code == 1
    found = developer.ok("evaluate", voice, "--audio", tmp_path, patience=1500)
    assert [one["text"] for one in found["sentences"]] == list(TEST_SENTENCES)
    assert set(found["figures"]) == {"mos", "similarity", "word_error_rate"}
    assert set(found["tools"]) == set(found["figures"])
    assert 1 <= found["figures"]["mos"] <= 5
    heard = sorted(tmp_path.rglob("*.wav"))
    assert len(heard) == len(TEST_SENTENCES)
    assert soundfile.info(heard[0]).duration == pytest.approx(found["sentences"][0]["seconds"], abs=0.05)
    assert creator.ok("evaluate", voice)["id"] == found["id"]  # a version is judged once
    same = creator.ok("evaluate", voice, "--against", voice)
    assert {name: one["mean"] for name, one in same["differences"].items()} == {
        "mos": 0.0, "similarity": 0.0, "word_error_rate": 0.0,
    }  # fmt: skip
