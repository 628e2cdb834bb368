"""The commands of credits, watching, issues and moderation, on a whole hub."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.cluster.looking import wait_for
from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import DECLARED, ROOT, House, Person

V2 = CHECKPOINTS / "tiny_v2_e8_s128.pth"
VOICE = "creator/talked-about"


@pytest.fixture(scope="module")
def voice(creator: Person, recorded: dict[str, Recorded], card: Path) -> dict[str, object]:
    made = creator.ok("push", VOICE, S1, V2, "--card", card, "--prompt", recorded["v2"].prompt, *DECLARED)
    assert made["state"] == "published"
    return dict(made)


def admin(house: House, *arguments: str) -> str:
    command = [sys.executable, "-m", "services.common.admin.main", *arguments, "--data", str(house.data)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_a_published_voice_earns_and_credits_can_be_given(
    voice: dict[str, object], creator: Person, developer: Person, house: House
) -> None:
    def earned() -> bool:  # by an event, which may be a moment after the voice is published
        entries = creator.ok("credits", "--entries", "100")["entries"]
        return ("publish", 20, voice["id"]) in [(one["kind"], one["amount"], one["reference"]) for one in entries]

    wait_for(earned, 60, "earned by publishing")
    before = developer.ok("credits")["credits"]["balance"]
    left = creator.ok("gift", "developer", "7", "--note", "thanks")
    assert developer.ok("credits")["credits"]["balance"] == before + 7
    assert left["account"] == "creator"
    assert creator("gift", "nobody-of-that-name", "7").code == 1
    assert creator("gift", "developer", "999999999").code == 4
    assert "every balance is the sum of its entries" in admin(house, "credits", "check")


def test_issues_and_notices_by_the_commands(voice: dict[str, object], creator: Person, developer: Person) -> None:
    assert developer.ok("watch", VOICE)["watchers"] == 1
    assert developer.ok("issue", "open", VOICE, "Lisps", "--body", "At the end.")["number"] == 1
    creator.ok("issue", "comment", VOICE, "1", "Which word?")
    creator.ok("issue", "label", VOICE, "1", "bug")
    assert next(one["kind"] for one in creator.ok("notifications", "--read")) == "issue"
    assert creator("notifications", "--unread").code == 1
    assert developer.ok("notifications")[0]["kind"] == "issue-comment"
    assert developer.ok("issue", "close", VOICE, "1")["state"] == "closed"
    shown = developer.ok("issue", "show", VOICE, "1")
    assert (shown["issue"]["labels"], [one["text"] for one in shown["comments"]]) == (["bug"], ["Which word?"])
    assert developer("issue", "ls", VOICE).code == 1


def test_a_take_down_is_everywhere_and_can_be_taken_back(
    voice: dict[str, object], creator: Person, developer: Person, house: House
) -> None:
    moderator = house.person("moderator")
    admin(house, "moderators", "add", "moderator")
    report = developer.ok("report", VOICE, "That is my voice.")["report_id"]
    assert creator("moderate", "queue").code == 4
    assert moderator.ok("moderate", "queue")[0]["id"] == report
    objects = f"{house.url}/v1/repos/{VOICE}/versions/{voice['id']}/objects"
    tensors = voice["tensors"]
    assert isinstance(tensors, list)
    speech = {"voice": VOICE, "text": "你好。", "language": "zh"}
    token = {"Authorization": f"Bearer {house.token(developer)}"}

    def seen() -> list[int]:
        return [
            httpx.get(f"{objects}/{tensors[0]['digest']}").status_code,
            httpx.post(f"{house.url}/v1/synthesis", json=speech, headers=token, timeout=120).status_code,
            httpx.get(f"{house.url}/v1/repos/{VOICE}").status_code,
            developer("pull", VOICE).code,
            len(developer("search", "talked-about").json["items"]),
        ]

    before = seen()
    assert [before[0], before[2], before[3], before[4]] == [200, 200, 0, 1]
    assert before[1] != 404
    moderator.ok("moderate", "take-down", report, "--note", "No consent.")
    assert seen() == [404, 404, 404, 1, 0]
    takedown = creator.ok("takedowns")[0]
    creator.ok("appeal", takedown["id"], "I have a letter.")
    moderator.ok("moderate", "restore", takedown["id"])
    assert [number for number in seen() if number != before[1]] == [number for number in before if number != before[1]]
