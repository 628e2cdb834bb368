"""A gateway process over the fixed contracts of `services.gateway.tests.upstreams`, and Chromium."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import pytest
from playwright.sync_api import Browser, sync_playwright

from services.common import settings
from services.common.identity import Verifier, ensure_keys
from services.common.objects import open_store
from services.gateway.tests.conftest import environment, free_address
from services.gateway.tests.upstreams import World, serve

START_SECONDS = 120.0
FAKE_MICROPHONE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@dataclass(frozen=True)
class Site:
    """Where the page is, and what the services behind it know."""

    url: str
    world: World


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    data, upstream, http = tmp_path_factory.mktemp("hub"), free_address(), free_address()
    env = environment(data, upstream) | {"VOICEHUB_HTTP_ADDRESS": http}
    chosen = settings.load("gateway", env)
    ensure_keys(chosen.keys, "gateway")
    world = World(open_store(chosen.objects_url))
    world.add_voice("anna", "narrator")
    world.add_voice("anna", "harbour-tales")
    server = serve(world, Verifier(chosen.keys), upstream)
    process = subprocess.Popen([sys.executable, "-m", "services.gateway"], env={**os.environ, **env})
    try:
        _await(f"http://{http}/openapi.json", process)
        yield Site(f"http://{http}", world)
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0
        server.stop(None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        launched = playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", *FAKE_MICROPHONE]
        )
        yield launched
        launched.close()


def _await(url: str, process: subprocess.Popen[bytes]) -> None:
    opener = build_opener(ProxyHandler({}))
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "the gateway ended"
        try:
            with opener.open(url, timeout=5):
                return
        except (URLError, OSError):
            process.poll()
    raise AssertionError("the gateway does not answer")
