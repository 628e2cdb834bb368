"""New rules: every version is scanned again by event; one that falls is withdrawn, one that stands stays."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path

import httpx

from services.common.objects import Area, open_store
from services.scanner.domain.reports import RULES_VERSION
from tests.e2e.golden import CHECKPOINTS, S1, hostile_twin
from tests.e2e.house import DECLARED, House, open_house

_S2 = "tiny_v2_e8_s128.pth"
_PATIENCE = 240.0


def test_a_version_that_falls_by_new_rules_is_withdrawn(card: Path, tmp_path: Path) -> None:
    with open_house(tmp_path) as house:
        owner = house.person("owner")
        for name in ("falls", "stands"):
            pushed = owner.ok("push", f"owner/{name}", S1, CHECKPOINTS / _S2, "--card", card, *DECLARED)
            assert pushed["state"] == "published"
        house.stop()
    _as_if_scanned_by_older_rules(tmp_path / "hub", hostile_twin(CHECKPOINTS / _S2, "05", tmp_path / "twin.pth"))
    with open_house(tmp_path) as house:
        versions = _once_rescanned(house)
        visitor = house.visitor()
        stands = httpx.get(f"{house.url}/v1/repos/owner/stands/versions/main").json()
        assert (stands["state"], stands["verdict"]) == ("published", "clean")
        assert visitor("pull", "owner/falls").code == 1
        assert visitor("search", "falls").json["items"] == []
        assert sorted(versions.values()) == ["clean", "malicious"]


def _as_if_scanned_by_older_rules(hub: Path, twin: Path) -> None:
    """What older rules let pass: the reports are theirs, and the stage-2 upload of one version is the hostile twin."""
    kept = open_store(f"file://{hub / 'objects'}").put(Area.QUARANTINE, [twin.read_bytes()])
    with sqlite3.connect(hub / "db" / "catalog.sqlite") as catalog:
        (fallen,) = catalog.execute(
            "select v.id from versions v join repositories r on r.id = v.repository_id where r.name = 'falls'"
        ).fetchone()
    with sqlite3.connect(hub / "db" / "scanner.sqlite") as scanner:
        scanner.execute("update reports set rules_version = 'older'")
        (uploads,) = scanner.execute("select uploads from reports where version_id = ?", (fallen,)).fetchone()
        changed = [{**u, "digest": kept.digest} if u["filename"].endswith(".pth") else u for u in json.loads(uploads)]
        scanner.execute("update reports set uploads = ? where version_id = ?", (json.dumps(changed), fallen))


def _once_rescanned(house: House) -> dict[str, str]:
    """Verdicts by version when every report rests on today's rules and the catalog has heard of the fall."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        with sqlite3.connect(house.data / "db" / "scanner.sqlite") as scanner:
            found = scanner.execute("select version_id, verdict, rules_version from reports").fetchall()
        with sqlite3.connect(house.data / "db" / "catalog.sqlite") as catalog:
            states = {state for (state,) in catalog.execute("select state from versions")}
        if all(rules == RULES_VERSION for _, _, rules in found) and "quarantined" in states:
            return {version: verdict for version, verdict, _ in found}
        time.sleep(0.5)
    raise AssertionError("the versions were not scanned again")
