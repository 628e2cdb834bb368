"""A hostile twin of a good file ends in quarantine under every head, and nobody ever gets it."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.e2e.golden import CHECKPOINTS, S1, Recorded, hostile_twin
from tests.e2e.house import DECLARED, Person

HEADS = ("PK", "00", "01", "02", "03", "04", "05", "06")


@pytest.mark.parametrize("head", HEADS)
def test_a_call_hidden_in_the_pickle(
    head: str, creator: Person, developer: Person, recorded: dict[str, Recorded], card: Path, tmp_path: Path
) -> None:
    twin = hostile_twin(CHECKPOINTS / "tiny_v2_e8_s128.pth", head, tmp_path / "twin.pth")
    scanned = developer("scan", twin)
    assert scanned.code == 1
    name = f"twin-{head.lower()}"
    voice = f"{creator.name}/{name}"
    prompt = recorded["v2"].prompt
    pushed = creator("push", voice, S1, twin, "--card", card, "--prompt", prompt, *DECLARED)
    assert pushed.code == 1
    assert pushed.json["state"] == "quarantined"
    said = " ".join(f"{f['place']} {f['message_en']}" for f in pushed.json["findings"])
    assert "data.pkl" in said
    assert "posix" in said
    assert developer("pull", voice).code == 1
    reference = f"{creator.url}/v1/repos/{voice}/versions/{pushed.json['id']}"
    listed = [t["digest"] for t in pushed.json["tensors"]] + [f["object"]["digest"] for f in pushed.json["files"]]
    for digest in [*listed, _digest(twin), _digest(S1)]:
        assert httpx.get(f"{reference}/objects/{digest}").status_code == 404
    assert name not in str(developer("search", name).json["items"])


def _digest(path: Path) -> str:
    from blake3 import blake3

    return blake3(path.read_bytes()).hexdigest()
