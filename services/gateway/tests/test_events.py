"""Event streams: one visitor's share of them, and an end whatever the source does."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from services.common.errors import TooMany
from services.gateway.limits import Slots
from services.gateway.rest.events import Message, stream


def _endless(stop: threading.Event) -> Iterator[Message]:
    stop.wait()
    yield from ()


def test_one_visitor_cannot_keep_all_streams() -> None:
    slots = Slots("event streams", 4)
    held = [stream(_endless, slots, "anna") for _ in range(slots.each)]
    with pytest.raises(TooMany):
        stream(_endless, slots, "anna")
    stream(_endless, slots, "bert").close()
    held[0].close()
    stream(_endless, slots, "anna").close()


def test_a_source_that_fails_in_a_way_nobody_foresaw_ends_the_stream() -> None:
    def source(_: threading.Event) -> Iterator[Message]:
        yield Message("progress", "1", {"loss": 0.5})
        yield Message("progress", "2", {"loss": float("nan")})  # JSON has none

    slots = Slots("event streams", 1)
    answer = stream(source, slots, "anna")
    events = answer.get_data(as_text=True).split("\n\n")
    assert events[1].startswith("id: 1\nevent: progress\n")
    assert events[2].startswith("event: problem\ndata: ")
    assert events[3:] == [""]
    answer.close()
    slots.take()
