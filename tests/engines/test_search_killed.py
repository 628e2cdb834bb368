"""Elasticsearch killed in the middle of indexing: no voice is lost or shown twice, search says 503, the hub goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from services.catalog.tests.conftest import Hub, free_port
from services.common.events import open_bus
from services.common.identity import ensure_keys
from services.common.objects import open_store
from services.common.settings import SERVICES
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from tests.engines.elasticsearch import Elasticsearch

PATIENCE = 150.0
_opener = build_opener(ProxyHandler({}))


@dataclass
class Answer:
    status: int
    body: Any
    headers: Message


@dataclass
class House:
    """A catalog and a gateway, each a process."""

    hub: Hub
    url: str
    published: list[str] = field(default_factory=list)

    def get(self, path: str) -> Answer:
        try:
            with _opener.open(Request(f"{self.url}{path}"), timeout=60) as answer:
                raw = answer.read()
                kind = answer.headers.get_content_type()
                return Answer(answer.status, json.loads(raw) if kind == "application/json" else raw, answer.headers)
        except HTTPError as refused:
            return Answer(refused.code, json.loads(refused.read()), refused.headers)

    def publish(self) -> str:
        """A voice on its whole road; answers its name when it is published."""
        name, stub = f"voice-{len(self.published)}", self.hub.stub("ann")
        made = stub.CreateVersion(self.hub.push_request("ann", name)).version
        self.hub.walk(made.id)
        self.hub.until(stub, "ann", name, made.id, pb.VERSION_STATE_PUBLISHED)
        self.published.append(name)
        return name

    @contextmanager
    def publishing(self) -> Iterator[None]:
        done, failures = threading.Event(), list[BaseException]()

        def work() -> None:
            while not done.is_set() and not failures:
                try:
                    self.publish()
                except Exception as error:  # noqa: BLE001 - edge of the thread: shown by the test
                    failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
        assert failures == []

    def more(self, count: int) -> None:
        enough = len(self.published) + count
        until(lambda: len(self.published) >= enough)

    def found(self) -> Counter[str]:
        """How often each voice is among the hits of all pages."""
        names: Counter[str] = Counter()
        cursor = ""
        while True:
            answer = self.get(f"/v1/search?q=owner:ann&forks=all&size=20&cursor={cursor}")
            assert answer.status == 200, answer
            names.update(hit["repository"]["name"] for hit in answer.body["items"])
            if not (cursor := answer.body["next_cursor"]):
                return names


def until(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def house(search_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for service in SERVICES:
        ensure_keys(tmp_path / "keys", service)
    monkeypatch.setenv("VOICEHUB_SEARCH_URL", search_url)
    bus, store = (
        open_bus(f"sqlite:///{tmp_path / 'db' / 'events.sqlite'}"),
        open_store(f"file://{tmp_path / 'objects'}"),
    )
    hub = Hub(tmp_path, f"127.0.0.1:{free_port()}", bus, store)
    http = f"127.0.0.1:{free_port()}"
    addresses = {f"VOICEHUB_{name.upper()}_ADDRESS": f"127.0.0.1:{free_port()}" for name in SERVICES}
    addresses |= {"VOICEHUB_CATALOG_ADDRESS": hub.address, "VOICEHUB_HTTP_ADDRESS": http}
    environment = {**os.environ, "VOICEHUB_DATA": str(tmp_path), **addresses, "VOICEHUB_RATE_API": "1000000"}
    hub.start()
    with (tmp_path / "gateway.log").open("ab") as log:
        gateway = subprocess.Popen([sys.executable, "-m", "services.gateway"], env=environment, stderr=log)
    try:
        hub.ready()
        made = House(hub, f"http://{http}")
        until(lambda: _answers(made))
        yield made
    finally:
        gateway.kill()
        gateway.wait()
        hub.kill()
        for channel in hub.channels:
            channel.close()
        bus.close()


def _answers(house: House) -> bool:
    try:
        return house.get("/healthz").status in (200, 503)
    except OSError:
        return False


def test_killed_while_voices_are_published(house: House, elasticsearch: Elasticsearch) -> None:
    with house.publishing():
        house.more(5)
        assert house.get("/v1/search?q=owner:ann").body["total"] >= 5
        elasticsearch.kill()
        away = house.get("/v1/search?q=english")
        assert (away.status, away.body["reason"]) == (503, "SEARCH_UNAVAILABLE")
        assert int(away.headers["Retry-After"]) > 0
        assert house.get("/v1/search/suggestions?q=vo").status == 503
        house.more(5)
        assert len(house.get("/v1/repos?owner=ann&size=100").body["items"]) >= 10
        version = house.get("/v1/repos/ann/voice-0/versions/main")
        pulled = house.get(f"/v1/repos/ann/voice-0/versions/main/objects/{version.body['tensors'][0]['digest']}")
        assert (version.status, pulled.status) == (200, 200)
        assert house.get("/v1/search?q=english").status == 503
        elasticsearch.start()
        until(lambda: house.get("/v1/search?q=english").status == 200)
        house.more(3)
    assert house.found() == Counter(house.published)


def test_an_engine_that_hangs_holds_up_nobody_but_searchers(house: House, elasticsearch: Elasticsearch) -> None:
    house.publish()
    assert house.get("/v1/search?q=english").body["total"] == 1
    os.kill(elasticsearch.pid, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(24) as pool:
            searches = [pool.submit(house.get, "/v1/search?q=english") for _ in range(48)]
            until(lambda: any(one.done() for one in searches))
            begin = time.monotonic()
            assert house.get("/v1/repos?owner=ann").status == 200
            took = time.monotonic() - begin
            assert {one.result().status for one in searches} == {503}
            begin = time.monotonic()
            assert house.get("/v1/search?q=english").status == 503
        assert took < 5
        assert time.monotonic() - begin < 10
    finally:
        os.kill(elasticsearch.pid, signal.SIGCONT)
    until(lambda: house.get("/v1/search?q=english").status == 200)
