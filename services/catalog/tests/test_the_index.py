"""The operator's commands for the search index, on a running catalog."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from services.catalog.tests.conftest import Hub
from services.common.admin.main import main
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb


def test_a_rebuild_is_done_by_the_running_catalog(hub: Hub) -> None:
    stub = hub.stub("iris")
    made = stub.CreateVersion(hub.push_request("iris", "indexed")).version
    hub.walk(made.id)
    hub.until(stub, "iris", "indexed", made.id, pb.VERSION_STATE_PUBLISHED)
    asked = pb.SearchVoicesRequest(query="owner:iris")
    before = stub.SearchVoices(asked)
    result = CliRunner().invoke(main, ["search", "rebuild", "--data", str(hub.data)])
    assert result.exit_code == 0, result.output
    assert " voices up to change " in result.output
    after = stub.SearchVoices(asked)
    assert [hit.repository.name for hit in after.hits] == ["indexed"]
    assert after == before


def test_a_hub_that_never_started_has_nothing_to_rebuild(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["search", "rebuild", "--data", str(tmp_path)])
    assert result.exit_code == 1
    assert "voicehub up" in result.output
