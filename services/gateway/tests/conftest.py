"""A gateway over real parts, with the other services' contracts served on loopback."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from argon2 import PasswordHasher, profiles
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from services.common import settings
from services.common.runtime import open_house
from services.gateway.bootstrap import MIGRATIONS, make_hub
from services.gateway.hub import Hub
from services.gateway.passwords import Passwords
from services.gateway.rest import server
from services.gateway.rest.app import create_app
from services.gateway.tests.upstreams import World, serve

PASSWORD = "correct horse battery"
GENEROUS = {f"VOICEHUB_RATE_{name}": "1000000" for name in ("API", "DOWNLOADS", "PASSWORDS")}


def free_address() -> str:
    """A loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def environment(data: Path, upstream: str) -> dict[str, str]:
    """The variables of a gateway whose other services are all at `upstream`."""
    others = {f"VOICEHUB_{name.upper()}_ADDRESS": upstream for name in settings.SERVICES}
    return {**others, "VOICEHUB_GATEWAY_ADDRESS": free_address(), "VOICEHUB_DATA": str(data), **GENEROUS}


@dataclass
class Gateway:
    """The application under test and what stands behind it."""

    client: FlaskClient
    hub: Hub
    world: World
    upstream: grpc.Server

    def json(self, method: str, path: str, body: Any = None, token: str = "", **headers: str) -> TestResponse:
        """Sends JSON; underscores in header names become dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        return self.client.open(path, method=method, json=body, headers=sent)

    def login(self, name: str) -> str:
        """A session of that account, made if it is new."""
        who = {"name": name, "password": PASSWORD}
        self.json("POST", "/v1/accounts", who)
        return str(self.json("POST", "/v1/sessions", who).get_json()["token"])

    def upload(self, token: str, data: bytes, filename: str = "a.wav") -> str:
        """A complete upload's id."""
        begun = self.json("POST", "/v1/uploads", {"filename": filename, "size": len(data)}, token).get_json()
        headers = {"Authorization": f"Bearer {token}", "Upload-Offset": "0"}
        sent = self.client.patch(f"/v1/uploads/{begun['id']}", data=data, headers=headers)
        assert sent.status_code == 200, sent.text
        return str(begun["id"])


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a migrated, empty database and keys, to be copied."""
    data = tmp_path_factory.mktemp("fresh")
    house = open_house(settings.load("gateway", environment(data, free_address())), MIGRATIONS)
    house.database.engine.dispose()
    return data


@pytest.fixture
def gateway(fresh: Path, tmp_path: Path) -> Iterator[Gateway]:
    upstream = free_address()
    shutil.copytree(fresh, tmp_path, dirs_exist_ok=True)
    env = environment(tmp_path, upstream)
    house = open_house(settings.load("gateway", env), MIGRATIONS)
    world = World(house.objects)
    server = serve(world, house.verifier, upstream)
    cheap = Passwords(PasswordHasher.from_parameters(profiles.CHEAPEST))  # what is tested is not the cost
    hub = replace(make_hub(house, env), passwords=cheap)
    yield Gateway(create_app(hub).test_client(), hub, world, server)
    hub.clients.close()
    server.stop(None)
    house.database.engine.dispose()


@pytest.fixture
def address(gateway: Gateway) -> Iterator[str]:
    """The gateway on a real socket, by the real server."""
    listener = server.listen("127.0.0.1:0")
    host, port = listener.getsockname()
    running = server.Server(create_app(gateway.hub), lambda: None)
    worker = server.Worker(1, 0, [listener], running, 0, running.cfg, server.QuietLogger(running.cfg))
    worker.is_parent_alive = lambda: True
    worker.init_signals = lambda: None
    thread = threading.Thread(target=worker.init_process, daemon=True)
    thread.start()
    yield f"http://{host}:{port}"
    gateway.world.waiting.set()
    worker.alive = False
    thread.join(10)
