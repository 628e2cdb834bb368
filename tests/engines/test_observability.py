"""What only engines can prove of traces and metrics: a trace through Kafka, and what promtool says."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.common.ids import new_id
from services.common.settings import SERVICES
from tests.e2e.collector import Collector
from tests.e2e.conftest import card, recorded
from tests.e2e.golden import Recorded
from tests.e2e.house import House, open_house
from tests.e2e.promql import expressions
from tests.e2e.test_metrics import OBSERVABILITY, scrape
from tests.e2e.test_traces import assert_whole, collector, push
from tests.engines.kafka import Kafka
from tests.engines.promtool import check

__all__ = ["card", "collector", "recorded"]
BOUND = 20
"""Events that may wait in an outbox of this hub."""
PATIENCE = 60.0


@pytest.fixture(scope="module")
def house(collector: Collector, kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A hub whose events go through Kafka, and all the rest is embedded."""
    folder = tmp_path_factory.mktemp("traced")
    embedded = {
        "VOICEHUB_DATABASE_URL": f"sqlite:///{folder}/{{service}}.sqlite",
        "VOICEHUB_OBJECTS_URL": f"file://{folder}/objects",
    }
    engines = folder / "engines.json"
    engines.write_text(json.dumps({"environment": {**embedded, kafka.setting: kafka.url}}))
    with open_house(folder, "--engines", str(engines), environment={"VOICEHUB_OUTBOX_BOUND": str(BOUND)}) as running:
        yield running


def test_one_trace_follows_a_push_through_kafka(
    house: House, collector: Collector, recorded: dict[str, Recorded], card: Path
) -> None:
    assert_whole(push(house, collector, recorded["v2"].prompt, card))


@pytest.mark.parametrize("service", SERVICES)
def test_promtool_finds_nothing_wrong_with_the_metrics(house: House, service: str) -> None:
    assert check("check", "metrics", given=scrape(house, service)) == ""


def test_without_a_broker_changes_are_refused_until_it_is_back(
    house: House, kafka: Kafka, record_property: Callable[[str, object], None]
) -> None:
    with httpx.Client(base_url=f"{house.url}/v1", timeout=30) as client:
        who = {"name": "writer", "password": "a password of the writer"}
        client.post("/accounts", json=who)
        client.headers["Authorization"] = f"Bearer {client.post('/sessions', json=who).json()['token']}"

        def write() -> httpx.Response:
            return client.post("/repos", json={"name": f"v{new_id().lower()}", "visibility": "public"})

        assert write().status_code == 201
        kafka.kill()
        answers = [write() for _ in range(BOUND + 5)]
        assert {answer.status_code for answer in answers} == {201, 503}
        refused = answers[-1]
        assert refused.json()["reason"] == "OUTBOX_FULL"
        assert int(refused.headers["Retry-After"]) > 0
        assert client.get("/search?q=x").status_code == 200
        kafka.start()
        began = time.monotonic()
        while write().status_code != 201:
            assert time.monotonic() - began < PATIENCE
            time.sleep(0.2)
        record_property("recovery_seconds", round(time.monotonic() - began, 1))


def test_promtool_finds_what_is_wrong_with_metrics() -> None:
    with pytest.raises(AssertionError, match="_total"):
        check("check", "metrics", given="# HELP a_requests Requests.\n# TYPE a_requests counter\na_requests 1\n")


def test_promtool_understands_the_alerts_and_they_are_raised() -> None:
    assert "SUCCESS" in check("check", "rules", OBSERVABILITY / "alerts.yaml")
    assert "SUCCESS" in check("test", "rules", OBSERVABILITY / "alerts.test.yaml")


def test_promtool_notices_an_alert_that_is_never_raised(tmp_path: Path) -> None:
    rules, tests = ((OBSERVABILITY / name).read_text() for name in ("alerts.yaml", "alerts.test.yaml"))
    (tmp_path / "alerts.yaml").write_text(rules.replace("> 120", "> 1200"))
    (tmp_path / "alerts.test.yaml").write_text(tests)
    with pytest.raises(AssertionError, match="VoiceHubOutboxAge"):
        check("test", "rules", tmp_path / "alerts.test.yaml")


def test_promtool_understands_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    asked = [one.replace("$__rate_interval", "1m") for one in expressions(OBSERVABILITY)]
    rules = [{"record": f"dashboard:{number}", "expr": one} for number, one in enumerate(asked)]
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(asked)} rules found" in check("check", "rules", tmp_path / "rules.yaml")
