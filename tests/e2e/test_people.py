"""Who may see and do what, from the first table on."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import DECLARED, House, Person

V2 = CHECKPOINTS / "tiny_v2_e8_s128.pth"


@pytest.fixture(scope="module")
def private(creator: Person, recorded: dict[str, Recorded], card: Path) -> dict[str, object]:
    """A published private voice."""
    prompt = recorded["v2"].prompt
    made = creator.ok("push", "creator/secret", S1, V2, "--card", card, "--prompt", prompt, "--private", *DECLARED)
    assert made["state"] == "published"
    return dict(made)


def test_a_private_voice_does_not_exist_for_others(
    private: dict[str, object], creator: Person, developer: Person, house: House
) -> None:
    assert creator.ok("info", "creator/secret")["repository"]["visibility"] == "private"
    for other in (developer, house.visitor()):
        for command in ("info", "pull"):
            hidden, absent = other(command, "creator/secret"), other(command, "creator/absent")
            assert hidden.code == absent.code == 1
            assert hidden.text.replace("secret", "absent") == absent.text
        assert "secret" not in str(other("search", "secret").json["items"])
    tensors = private["tensors"]
    assert isinstance(tensors, list)
    address = f"{house.url}/v1/repos/creator/secret/versions/{private['id']}"
    assert httpx.get(f"{address}/objects/{tensors[0]['digest']}").status_code == 404
    assert httpx.get(address).status_code == 404


def test_only_the_owner_writes(private: dict[str, object], creator: Person, developer: Person, card: Path) -> None:
    answer = developer("push", "creator/secret", S1, V2, "--card", card, *DECLARED)
    assert answer.code in (1, 4)
    assert developer("comment", "creator/secret", "hello").code == 1
    answer = developer("push", "creator/new", S1, V2, "--card", card, *DECLARED)
    assert answer.code == 4


def test_without_a_declaration_nothing_is_stored(creator: Person, developer: Person, card: Path) -> None:
    answer = creator("push", "creator/undeclared", S1, V2, "--card", card)
    assert answer.code == 4
    assert "declaration" in answer.json["error"]
    assert creator("info", "creator/undeclared").code == 1


def test_the_hub_itself_refuses_a_push_without_declaration(creator: Person, card: Path) -> None:
    from voicehub import Client
    from voicehub.errors import Refused
    from voicehub.models import Declaration
    from voicehub.pushing import Part

    token = _token(creator)
    with Client(creator.url, token) as client:
        upload = client.upload(S1)
        with pytest.raises(Refused):
            client.create_version(
                "creator/undeclared", [(Part("s1", S1), upload)], {"languages": ["zh"]}, Declaration()
            )


def test_a_voice_without_a_prompt_is_stored_and_says_how_to_mend_it(
    creator: Person, developer: Person, card: Path
) -> None:
    made = creator.ok("push", "creator/mute", S1, V2, "--card", card, *DECLARED)
    assert made["state"] == "published"
    assert "prompt" in made["not_auditionable"]
    developer.ok("pull", "creator/mute", "--format", "original")
    refused = developer("say", "creator/mute", "hello", "-o", "mute.wav")
    assert refused.code == 1
    assert refused.json["hint"]


def test_stars_and_comments(creator: Person, developer: Person, recorded: dict[str, Recorded], card: Path) -> None:
    creator.ok("push", "creator/liked", S1, V2, "--card", card, "--prompt", recorded["v2"].prompt, *DECLARED)
    assert developer.ok("star", "creator/liked")["stars"] == 1
    assert developer.ok("star", "creator/liked")["stars"] == 1
    assert developer.ok("comment", "creator/liked", "很好听")["text"] == "很好听"
    assert developer.ok("info", "creator/liked")["repository"]["comments"] == 1
    assert developer.ok("star", "creator/liked", "--remove")["stars"] == 0


def test_an_organisation_is_deleted_when_it_owns_nothing(creator: Person, developer: Person, card: Path) -> None:
    creator.ok("org", "create", "quartet")
    creator("push", "quartet/tune", S1, V2, "--card", card, *DECLARED)
    refused = creator("org", "delete", "quartet", "--yes")
    assert refused.code == 4
    assert "quartet still owns a repository: quartet/tune" in refused.json["error"]
    creator.ok("repo", "delete", "quartet/tune", "--yes")
    assert developer("org", "delete", "quartet", "--yes").code == 1
    assert creator.ok("org", "delete", "quartet", "--yes") == {"deleted": "quartet"}
    assert creator("org", "delete", "quartet", "--yes").code == 1
    assert "quartet" not in str(creator.ok("org", "ls"))
    assert developer("org", "create", "quartet").code == 4
    assert creator.ok("org", "create", "quartet")["role"] == "admin"


def test_a_second_hub_on_the_same_folder_is_refused(house: House) -> None:
    answer = house.visitor()("up", "--data", house.data)
    assert answer.code == 2
    assert "running already" in answer.json["error"]


def _token(person: Person) -> str:
    import json

    saved = json.loads((person.home / "hubs.json").read_text())
    return str(saved["hubs"][person.url]["token"])
