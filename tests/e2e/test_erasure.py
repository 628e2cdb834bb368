"""Versions and accounts are erased by the command and by REST, on a whole hub: nobody is given them any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.formats.checkpoint_writer import write_checkpoint
from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import DECLARED, House, Person
from tests.e2e.test_community import admin

V2 = CHECKPOINTS / "tiny_v2_e8_s128.pth"
VOICE, FORK = "creator/forgettable", "developer/forgettable"


def _own(folder: Path, scale: float) -> Path:
    """Weights that no other version has: another decoder."""
    read = read_voice_file(V2)
    tensors = {
        name: np.array(value * np.asarray(scale, value.dtype)) if name.startswith("dec.") else value
        for name, value in read.tensors.items()
    }
    return write_checkpoint(folder / f"v2-{scale}.pth", tensors, read.config, read.info)


def _alone(version: dict[str, Any], other: dict[str, Any]) -> str:
    """The digest of a tensor that the other version lacks."""
    shared = {tensor["digest"] for tensor in other["tensors"]}
    return str(next(tensor["digest"] for tensor in version["tensors"] if tensor["digest"] not in shared))


def _until(found: Callable[[], Any]) -> Any:
    """What is found at last."""
    end = time.monotonic() + 120
    while not (what := found()):
        assert time.monotonic() < end
        threading.Event().wait(0.2)
    return what


def test_a_version_is_erased_by_the_command_and_by_rest(
    house: House, creator: Person, developer: Person, recorded: dict[str, Recorded], card: Path, tmp_path: Path
) -> None:
    more = ("--card", card, *DECLARED)
    kept = creator.ok("push", VOICE, S1, V2, *more)
    one = creator.ok("push", VOICE, S1, _own(tmp_path, 0.5), *more)
    two = creator.ok("push", VOICE, S1, _own(tmp_path, 0.25), *more, "--prompt", recorded["v2"].prompt)
    developer.ok("fork", VOICE)
    gone = {str(version["id"]): _alone(version, kept) for version in (one, two)}

    address = f"{house.url}/v1/repos/{VOICE}/versions"

    def given(place: str, version: str, digest: str) -> int:
        return httpx.get(f"{house.url}/v1/repos/{place}/versions/{version}/objects/{digest}").status_code

    def spoken(version: str) -> int:
        body = {"voice": f"{VOICE}@{version}", "text": "你好。", "language": "zh"}
        token = {"Authorization": f"Bearer {house.token(developer)}"}
        return httpx.post(f"{house.url}/v1/synthesis", json=body, headers=token, timeout=120).status_code

    def everywhere() -> set[int]:
        return {given(place, *object_) for place in (VOICE, FORK) for object_ in gone.items()}

    def manifest() -> Any:
        return httpx.get(f"{address}/{two['id']}").json()

    def files(*digests: str) -> list[bool]:
        return [(served / digest[:2] / digest).is_file() for digest in digests]

    served = house.data / "objects" / "served"
    samples = _until(lambda: [s["object"]["digest"] for s in manifest()["samples"]])
    assert all(files(*samples))
    assert everywhere() == {200}
    assert spoken(two["id"]) == 200
    assert developer("repo", "erase", f"{VOICE}@{two['id']}", "--yes").code == 4
    assert developer("repo", "erase", f"{FORK}@{two['id']}", "--yes").json["hint"], "its maker erases it"
    assert creator("repo", "erase", VOICE, "--yes").code == 4, "by its id only"
    assert httpx.delete(f"{address}/{one['id']}").status_code == 401
    assert everywhere() == {200}, "nobody else takes it away"

    done = creator.ok("repo", "erase", f"{VOICE}@{two['id']}", "--yes")
    mine = {"Authorization": f"Bearer {house.token(creator)}"}
    erased = httpx.delete(f"{address}/{one['id']}", headers=mine)
    assert (done["state"], erased.status_code, erased.json()["state"]) == ("erased", 200, "erased")
    again = httpx.delete(f"{address}/{one['id']}", headers=mine).json()
    assert again == {**erased.json(), "refs": []}, "once more changes nothing, no ref either"
    assert {(ref["owner"], ref["ref"]) for ref in erased.json()["refs"]} >= {("creator", "main")}

    assert everywhere() == {404}
    assert spoken(two["id"]) in (404, 422)
    for place in (VOICE, FORK):
        assert httpx.get(f"{house.url}/v1/repos/{place}").json()["head"] == kept["id"]
        tombstone = httpx.get(f"{house.url}/v1/repos/{place}/versions/{two['id']}").json()
        assert (tombstone["state"], tombstone["parents"], tombstone["tensors"]) == ("erased", [one["id"]], [])
    assert developer("pull", f"{VOICE}@{two['id']}").code == 1
    assert all(files(*gone.values()))
    admin(house, "gc", "--grace", "0")
    assert not any(files(*gone.values())), "nobody's bytes any more"
    _until(lambda: not any(files(*samples)))
    assert developer.ok("pull", FORK, "--format", "original")["version"], "what others need is there"


def test_an_account_is_erased_also_if_the_hub_is_killed_meanwhile(
    house: House, developer: Person, card: Path, tmp_path: Path
) -> None:
    leaver = house.person("leaver")
    song = leaver.ok("push", "leaver/song", S1, _own(tmp_path, 0.75), "--card", card, *DECLARED)
    developer.ok("fork", "leaver/song")
    own = developer.ok("push", "developer/song", S1, V2, "--card", card, *DECLARED)
    leaver.ok("comment", "developer/song", "很好听")
    digest, token = _alone(song, own), {"Authorization": f"Bearer {house.token(leaver)}"}
    secret = {"name": "secret", "visibility": "private"}
    assert httpx.post(f"{house.url}/v1/repos", json=secret, headers=token).status_code == 201

    assert leaver("account", "erase", "--yes", "developer", "--password", "leaver-has-a-long-password").code == 2
    assert leaver("account", "erase", "--yes", "leaver", "--password", "not-the-password").code == 4
    done = leaver.ok("account", "erase", "--yes", "leaver", "--password", "leaver-has-a-long-password")
    house.kill("catalog")
    house.kill("gateway")

    def seen(path: str, **more: Any) -> httpx.Response:
        """What the hub answers once it is there again."""
        end = time.monotonic() + 120
        while True:
            try:
                answer = httpx.get(f"{house.url}/v1/{path}", timeout=30, **more)
                if answer.status_code not in (502, 503) or time.monotonic() > end:
                    return answer
            except httpx.TransportError:
                assert time.monotonic() < end
            threading.Event().wait(0.2)

    def erased_fork() -> Any:
        told = seen(f"repos/developer/song/versions/{song['id']}").json()
        # The name goes with the account, which may be a moment after what the account has made.
        return told if told["state"] == "erased" and told["author"] != "leaver" else None

    fork = _until(erased_fork)
    assert (fork["author"], fork["message"], fork["tensors"]) == (done["pseudonym"], "", [])
    assert seen("me", headers=token).status_code == 401
    for name in ("song", "secret"):
        told, never = (seen(f"repos/leaver/{one}") for one in (name, "never"))
        assert (told.status_code, told.text.replace(name, "never")) == (404, never.text)
    (comment,) = seen("repos/developer/song/comments").json()["items"]
    assert (comment["author"], comment["text"]) == (done["pseudonym"], "很好听")
    assert leaver("login", "leaver", "--password", "leaver-has-a-long-password").code == 4
    assert leaver("signup", "leaver", "--password", "leaver-has-a-long-password").code == 4
    admin(house, "gc", "--grace", "0")
    assert not (house.data / "objects" / "served" / digest[:2] / digest).exists()
    assert "every balance is the sum of its entries" in admin(house, "credits", "check")
    assert developer.ok("pull", "developer/song", "--format", "original")["version"] == own["id"]
