"""Who hears one voice again and again is asked for once a second, and what was changed here counts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Event

import pytest

from services.common.errors import NotFound
from services.common.identity import Identity
from services.gateway.remembered import MOST, REMEMBERED_SECONDS, Remembered
from services.gateway.rest.app import create_app
from services.gateway.tests.conftest import Gateway
from services.stubs.voicehub.catalog.v1.catalog_pb2 import Version

ANN, BOB = (Identity(name, "gateway", frozenset({"read"})) for name in ("ann", "bob"))
NAME = ("ann", "narrator", "")


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def numbered() -> Callable[[], Version]:
    """Answers that tell how often was asked."""
    numbers: Iterator[int] = iter(range(1, 1 << 20))
    return lambda: Version(id=str(next(numbers)))


def test_one_answer_for_a_second_from_when_it_was_asked_for() -> None:
    clock = Clock()
    remembered, ask = Remembered(clock), numbered()

    def slow() -> Version:
        clock.now += 0.75 * REMEMBERED_SECONDS
        return ask()

    assert remembered.version(ANN, NAME, slow).id == "1"
    clock.now += 0.2 * REMEMBERED_SECONDS
    assert remembered.version(ANN, NAME, ask).id == "1"
    clock.now += 0.06 * REMEMBERED_SECONDS
    assert remembered.version(ANN, NAME, ask).id == "2"


def test_everybody_is_asked_for_and_so_is_each_name() -> None:
    remembered, ask = Remembered(Clock()), numbered()
    others = ((BOB, NAME), (ANN, ("ann", "narrator", "v2")), (replace(ANN, scopes=frozenset()), NAME))
    told = [remembered.version(*key, ask).id for key in ((ANN, NAME), *others, (ANN, NAME))]
    assert told == ["1", "2", "3", "4", "1"]


def test_a_refusal_is_not_remembered() -> None:
    remembered = Remembered(Clock())

    def refuse() -> Version:
        raise NotFound("There is no such voice.", hint="Look for another one.")

    with pytest.raises(NotFound):
        remembered.version(ANN, NAME, refuse)
    assert remembered.version(ANN, NAME, numbered()).id == "1"


def test_what_was_asked_for_before_a_change_is_not_used_after_it() -> None:
    remembered, asked, changed = Remembered(Clock()), Event(), Event()

    def overtaken() -> Version:
        asked.set()
        assert changed.wait(10)
        return Version(id="before")

    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(remembered.version, ANN, NAME, overtaken)
        assert asked.wait(10)
        remembered.forget()
        changed.set()
        assert early.result(10).id == "before"
    assert remembered.version(ANN, NAME, lambda: Version(id="after")).id == "after"


def test_it_does_not_grow_without_end() -> None:
    remembered, ask = Remembered(Clock()), numbered()
    for number in range(2 * MOST):
        remembered.version(ANN, ("ann", str(number), ""), ask)
    assert len(remembered._known) <= MOST


@pytest.mark.parametrize("path", ["/v1/synthesis", "/v1/audio/speech", "/tts"])
def test_a_change_made_here_counts_from_the_next_request_on(gateway: Gateway, path: str) -> None:
    clock = Clock()
    gateway.client = create_app(replace(gateway.hub, remembered=Remembered(clock))).test_client()
    gateway.world.add_voice("anna", "narrator")
    token = gateway.login("anna")
    body = {
        "/v1/synthesis": {"voice": "anna/narrator", "text": "Hello"},
        "/v1/audio/speech": {"model": "voicehub", "input": "Hello", "voice": "anna/narrator"},
        "/tts": {"text": "Hello", "text_lang": "en", "ref_audio_path": "anna/narrator", "prompt_lang": "en"},
    }[path]
    missing = 400 if path == "/tts" else 404

    def status() -> int:
        with gateway.json("POST", path, body) as answer:
            return answer.status_code

    assert status() == 200
    gone = gateway.world.repositories.pop(("anna", "narrator"))  # as another gateway may have done
    assert status() == 200
    clock.now += REMEMBERED_SECONDS
    assert status() == missing
    gateway.world.repositories["anna", "narrator"] = gone
    assert status() == 200
    gateway.world.repositories.clear()
    assert gateway.json("POST", "/v1/repos", {"name": "other", "visibility": "public"}, token).status_code == 201
    assert status() == missing
