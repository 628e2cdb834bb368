"""kill -9 of each service once, in the middle of the road: nothing acknowledged is lost, nothing happens twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.golden import CHECKPOINTS, S1, Recorded
from tests.e2e.house import House, Person, open_house
from voicehub import Client, Declaration
from voicehub.pushing import Part, read_yaml

V2 = CHECKPOINTS / "tiny_v2_e8_s128.pth"
WHEN = {"catalog": "pushed", "scanner": "pushed", "inference": "scanned", "gateway": "pushed", "trainer": "scanned"}
"""The station of the road at which the service is killed."""


@pytest.fixture(scope="module")
def own_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("kill")) as running:
        yield running


@pytest.fixture(scope="module")
def ann(own_house: House) -> Person:
    return own_house.person("ann")


@pytest.mark.parametrize("service", WHEN)
def test_the_road_survives(
    service: str, own_house: House, ann: Person, recorded: dict[str, Recorded], card: Path
) -> None:
    restarts = own_house.services()[service]["restarts"]
    name = f"ann/kill-{service}"
    parts = [Part("s1", S1), Part("s2", V2), Part("prompt", recorded["v2"].prompt)]
    declaration = Declaration("made by a test", "CC0-1.0", "public-domain")
    full = {**read_yaml(card), **vars(declaration), "prompts": [{"file": "prompt.safetensors"}]}
    with Client(ann.url, own_house.token(ann), cache=ann.home / f"cache-{service}") as client:
        version = client.create_version(name, [(p, client.upload(p.path)) for p in parts], full, declaration)
        client.star(name)
        comment = client.comment(name, f"Heard before {service} fell.")
        if WHEN[service] == "pushed":
            own_house.kill(service)
        for state in client.states(name, version.id):
            if state == WHEN[service] != "pushed":
                own_house.kill(service)
        final = client.version(f"{name}@{version.id}")
        assert final.state == "published", final.findings
        assert len(client.versions(name)) == 1
        repository = client.repository(name)
        assert (repository.head, repository.stars) == (version.id, 1)
        assert client.comments(name) == [comment]
        pulled = client.pull(name)  # checks the digest of every byte
        assert pulled.received > 500_000
        assert [hit.repository.name for hit in client.search(f"kill-{service}").items][:1] == [f"kill-{service}"]
    assert own_house.services()[service]["restarts"] > restarts
    _nothing_twice(own_house, version.id)


def _nothing_twice(house: House, version: str) -> None:
    """One event of each kind for the version, and no dead letter anywhere."""
    with sqlite3.connect(house.data / "db" / "events.sqlite") as log:
        kinds = Counter(kind for (kind,) in log.execute("SELECT type FROM log WHERE key = ?", (version,)))
    assert kinds
    assert set(kinds.values()) == {1}, kinds
    for database in (house.data / "db").glob("*.sqlite"):
        with sqlite3.connect(database) as tables:
            names = {n for (n,) in tables.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "dead_letters" in names:
                assert tables.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,), database.name
