"""Trace context with and without a place to send spans to."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys

import pytest

from services.common.events import make_event
from services.common.telemetry import JsonFormatter
from services.common.tracing import ENDPOINTS, SpanKind, configure_tracing, span, traceparent
from services.stubs.voicehub.scanner.v1 import scanner_pb2

GIVEN = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
FRESH = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def test_the_trace_of_a_visitor_goes_on_and_ends_with_the_block() -> None:
    with span("a", SpanKind.SERVER, GIVEN):
        assert traceparent() == GIVEN
        with span("b", SpanKind.INTERNAL):
            assert traceparent()[:35] == GIVEN[:35]
        assert make_event("scans", "v", scanner_pb2.RescanRequested(), "test").trace[:35] == GIVEN[:35]
    assert traceparent() == ""


@pytest.mark.parametrize("given", ["", "nonsense", "00-" + "0" * 32 + "-" + "2" * 16 + "-01", GIVEN + "\n-x"])
def test_what_is_no_trace_begins_one(given: str) -> None:
    with span("a", SpanKind.SERVER, given):
        first = traceparent()
    with span("a", SpanKind.SERVER, given):
        assert FRESH.fullmatch(traceparent())
        assert traceparent() != first
        assert "1" * 32 not in traceparent()


def test_log_lines_name_trace_and_span() -> None:
    record = logging.makeLogRecord({"msg": "said", "levelname": "INFO"})
    with span("a", SpanKind.SERVER, GIVEN):
        inside = json.loads(JsonFormatter("test").format(record))
    assert (inside["trace"], inside["span"]) == ("1" * 32, "2" * 16)
    assert json.loads(JsonFormatter("test").format(record))["trace"] == ""


def test_an_event_outside_of_all_traces_begins_one() -> None:
    event = make_event("scans", "v", scanner_pb2.RescanRequested(), "test")
    assert FRESH.fullmatch(event.trace)


def test_off_unless_the_environment_says_where_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENDPOINTS:
        monkeypatch.delenv(name, raising=False)
    assert not configure_tracing("test")
    monkeypatch.setenv(ENDPOINTS[0], "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not configure_tracing("test")


def test_off_costs_no_sdk() -> None:
    program = (
        "import sys, services.common.runtime as r, services.common.tracing as t;"
        "t.configure_tracing('test'); print([m for m in sys.modules if m.startswith('opentelemetry.sdk')])"
    )
    quiet = {name: value for name, value in os.environ.items() if name not in ENDPOINTS}
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=quiet)
    assert said.stdout.strip() == "[]"
