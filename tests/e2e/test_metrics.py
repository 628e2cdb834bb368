"""Every service tells its metrics, and what dashboard and alerts ask for is among them."""

from __future__ import annotations

from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from prometheus_client.openmetrics import parser as openmetrics

from services.common.settings import SERVICES
from tests.e2e.house import ROOT, House
from tests.e2e.promql import exported_in, expressions, metrics_in

OBSERVABILITY = ROOT / "docs" / "observability"
SEARCHES = 'grpc_server_handled_total{grpc_code="OK",grpc_method="SearchVoices",'


def scrape(house: House, service: str) -> str:
    with urlopen(house.services()[service]["metrics"], timeout=20) as answer:
        return str(answer.read().decode())


@pytest.fixture(scope="module")
def exported(house: House) -> dict[str, set[str]]:
    return {service: exported_in(scrape(house, service)) for service in SERVICES}


def unknown(folder: Path, exported: dict[str, set[str]]) -> set[str]:
    """Names in dashboard and alerts that no service exports."""
    asked = set().union(*map(metrics_in, expressions(folder)))
    assert len(asked) > 20, asked
    return asked - set().union(*exported.values())


def test_every_service_has_the_common_metrics(exported: dict[str, set[str]]) -> None:
    common = {
        "grpc_server_handled_total",
        "grpc_server_handling_seconds_bucket",
        "process_resident_memory_bytes",
        "voicehub_consumer_lag_events",
        "voicehub_data_folder_free_bytes",
        "voicehub_database_write_wait_seconds_count",
        "voicehub_outbox_events",
    }
    assert [service for service, names in exported.items() if common - names] == []
    assert list(exported) == list(SERVICES)
    assert "voicehub_gateway_requests_total" in exported["gateway"]


@pytest.mark.parametrize("service", SERVICES)
def test_who_asks_for_openmetrics_gets_it(house: House, service: str) -> None:
    asked = {"Accept": "application/openmetrics-text; version=1.0.0"}
    with urlopen(Request(house.services()[service]["metrics"], headers=asked), timeout=20) as answer:
        read = openmetrics.text_string_to_metric_families(answer.read().decode())  # type: ignore[no-untyped-call]
    families = list(read)
    assert "voicehub_database_write_wait_seconds" in {family.name for family in families}


def test_dashboard_and_alerts_name_only_what_is_exported(exported: dict[str, set[str]]) -> None:
    assert unknown(OBSERVABILITY, exported) == set()


def test_what_alerts_compare_begins_at_zero(house: House) -> None:
    text = scrape(house, "catalog")
    for kind in ("VersionPushed", "VersionPublished", "VersionQuarantined"):
        assert f'voicehub_events_published_total{{topic="versions",type="{kind}"}}' in text


def test_a_wrong_name_is_noticed(exported: dict[str, set[str]], tmp_path: Path) -> None:
    for name in ("dashboard.json", "alerts.yaml"):
        text = (OBSERVABILITY / name).read_text()
        broken = text.replace("voicehub_outbox_oldest_age_seconds", "voicehub_outbox_age_in_seconds")
        assert broken != text
        (tmp_path / name).write_text(broken)
    assert unknown(tmp_path, exported) == {"voicehub_outbox_age_in_seconds"}


def test_names_are_read_out_of_expressions() -> None:
    expression = (
        'sum by (le) (rate(a_total{x=~"b_total", y="}"}[5m] offset 1h)) / on (z) group_left (w) c > 1e3 unless d'
    )
    assert metrics_in(f"{expression} unless d") == {"a_total", "c", "d"}


def test_the_calls_of_a_visitor_are_counted(house: House) -> None:
    def count() -> float:
        lines = [line for line in scrape(house, "catalog").splitlines() if line.startswith(SEARCHES)]
        return sum(float(line.rpartition(" ")[2]) for line in lines)

    before = count()
    with urlopen(f"{house.url}/v1/search?q=x", timeout=20) as answer:
        assert answer.status == 200
    assert count() == before + 1
