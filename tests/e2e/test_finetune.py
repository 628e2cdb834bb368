"""Twenty lines of one's own on somebody's voice: a fork with a new version, by one command."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.house import House, Person
from tests.e2e.nano import push_nano


@pytest.fixture(scope="module")
def voice(creator: Person, tmp_path_factory: pytest.TempPathFactory) -> str:
    return push_nano(creator, tmp_path_factory.mktemp("nano"), "creator/taught")


def test_text_alone_is_learned_from_the_voices_own_output(
    voice: str, creator: Person, developer: Person, house: House, tmp_path: Path
) -> None:
    shown = developer.ok("finetune", voice, "--show")
    assert len(shown) == 20
    lines = tmp_path / "terms.txt"
    lines.write_text("\n".join(shown), encoding="utf-8")
    assert developer("finetune", "creator/absent", lines).code == 1
    assert developer("finetune", voice).code == 2
    before = creator.ok("info", voice)["version"]
    tuned = developer.ok("finetune", voice, lines, "--quick", patience=1500)
    assert (tuned["owner"], tuned["name"], tuned["state"]) == ("developer", "taught", "published")
    assert tuned["parents"] == [before["id"]]
    assert tuned["declaration"]["license"] == before["declaration"]["license"]
    assert "own output of creator/taught" in tuned["declaration"]["source"]
    assert creator.ok("info", voice)["version"]["id"] == before["id"]
    changed = {t["name"] for t in tuned["tensors"]} & {
        t["name"] for t in before["tensors"] if t["digest"] not in {one["digest"] for one in tuned["tensors"]}
    }
    assert changed  # it has learned something
    end = time.monotonic() + 60  # paid by an event, when the trainer has heard that the voice is out
    while (wallet := developer.ok("credits", "--entries", "50"))["credits"]["reserved"]:
        assert time.monotonic() < end, wallet
    kinds = [entry["kind"] for entry in wallet["entries"]]
    assert ("reserve" in kinds, "refund" in kinds) == (True, False)
