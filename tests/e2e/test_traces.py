"""One trace follows one push through REST, gRPC, outbox and bus into every service that it moves."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.collector import Collector, Seen, collecting
from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import DECLARED, House, open_house

PATIENCE = 60.0
SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5
"""Kinds of spans (opentelemetry.proto.trace.v1.Span.SpanKind)."""
PUSH = "POST /v1/repos/<owner>/<name>/versions"
FILES = (S1, CHECKPOINTS / "tiny_v2_e8_s128.pth")


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", running.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        yield running


@pytest.fixture(scope="module")
def traced(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    assert os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] == collector.url
    with open_house(tmp_path_factory.mktemp("traced")) as running:
        yield running


def test_one_trace_follows_a_push_through_all_services(
    traced: House, collector: Collector, recorded: dict[str, Recorded], card: Path
) -> None:
    trace = push(traced, collector, recorded["v2"].prompt, card)
    assert_whole(trace)
    assert_logged(traced, trace[0].trace)


def push(house: House, collector: Collector, prompt: Path, card: Path) -> list[Seen]:
    """Pushes a voice until it is published; answers the spans of the trace of that request."""
    creator = house.person("creator")
    pushed = creator.ok("push", f"{creator.name}/traced", *FILES, "--card", card, "--prompt", prompt, *DECLARED)
    assert pushed["state"] == "published"
    root = collector.until(lambda spans: [s for s in spans if s.name == PUSH], PATIENCE)[0]

    def ended(spans: list[Seen]) -> list[Seen]:
        """The trace, once its end and every parent are there: what a handler sent may arrive before the handler."""
        here = [span for span in spans if span.trace == root.trace]
        names, ids = {(span.service, span.name) for span in here}, {span.id for span in here}
        whole = {("inference", "create synthesis"), ("catalog", "process synthesis")} <= names
        return here if whole and sum(span.parent not in ids for span in here) == 1 else []

    return collector.until(ended, PATIENCE)


def assert_whole(trace: list[Seen]) -> None:
    """Every span but the first has its parent in the trace, and the road is the one that was gone."""
    assert {span.service for span in trace} >= {"gateway", "catalog", "scanner", "inference"}
    by_id = {span.id: span for span in trace}
    roots = [span for span in trace if span.parent not in by_id]
    assert [(span.service, span.name, span.kind) for span in roots] == [("gateway", PUSH, SERVER)]
    create = "voicehub.catalog.v1.CatalogService/CreateVersion"
    road = [
        ("gateway", PUSH, SERVER),
        ("gateway", create, CLIENT),
        ("catalog", create, SERVER),
        ("catalog", "create versions", PRODUCER),
        ("scanner", "process versions", CONSUMER),
        ("scanner", "create scans", PRODUCER),
        ("inference", "process scans", CONSUMER),
        ("inference", "create exports", PRODUCER),
        ("scanner", "process exports", CONSUMER),
        ("scanner", "create scans", PRODUCER),
        ("catalog", "process scans", CONSUMER),
        ("catalog", "create versions", PRODUCER),
        ("inference", "process versions", CONSUMER),
        ("inference", "create synthesis", PRODUCER),
        ("catalog", "process synthesis", CONSUMER),
    ]
    assert road in [_way_to(span, by_id) for span in trace]
    sent = [span for span in trace if span.name.startswith("send ")]
    assert {by_id[span.parent].name for span in sent} == {span.name.replace("send", "create") for span in sent}
    published = next(span for span in trace if span.name == "process versions" and span.service == "scanner")
    assert published.attributes["messaging.consumer.group.name"] == "scanner"
    assert by_id[roots[0].id].attributes["http.response.status_code"] == 201


def _way_to(span: Seen, by_id: dict[str, Seen]) -> list[tuple[str, str, int]]:
    above = _way_to(by_id[span.parent], by_id) if span.parent in by_id else []
    return [*above, (span.service, span.name, span.kind)]


def assert_logged(house: House, trace: str) -> None:
    """The gateway's line about the request carries the id of the trace."""
    lines = [json.loads(line) for line in (house.data / "logs" / "gateway.jsonl").read_text().splitlines()]
    assert [line["route"] for line in lines if line["trace"] == trace and line["message"] == "request"] == [
        PUSH.removeprefix("POST ")
    ]
