"""Messages on Kafka that are none of ours."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from services.common.clock import now
from services.common.events import Event
from services.common.events.kafka_place import event_of, message


def _read(key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]) -> Event:
    return event_of(SimpleNamespace(key=key, value=value, headers=headers, partition=1, offset=7), "scans")


def test_an_event_is_what_was_sent() -> None:
    sent = Event("1", "scans", "v", "voicehub.scanner.v1.StaticScanCompleted", "scanner", now(), b"data", "trace")
    assert _read(**message(sent)) == sent


@pytest.mark.parametrize("time", [[], [("ce_time", b"yesterday")], [("ce_time", None)]])
def test_a_cloud_event_of_others_without_a_time_is_passed_over(time: list[tuple[str, bytes | None]]) -> None:
    assert _read(None, b"{}", [("ce_id", b"1"), ("ce_type", b"org.example"), *time]).type == ""
