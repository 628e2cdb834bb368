from __future__ import annotations

import json
import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.common.settings import SERVICES, load
from services.launcher import child as children
from services.launcher.child import Child
from services.launcher.engines import ALSO, CHOSEN, read_engines
from services.launcher.errors import AlreadyRunning, CannotStart
from services.launcher.health import grpc_serves, http_serves
from services.launcher.launcher import Launcher
from services.launcher.lock import FolderLock
from services.launcher.plan import free_ports, is_free, make_plan


def test_every_service_learns_every_address(tmp_path: Path) -> None:
    plan = make_plan(tmp_path, "127.0.0.1", 0)
    for service in SERVICES:
        environment = plan.environment({"VOICEHUB_DATABASE_URL": "postgresql://x", "PATH": "/bin"}, service)
        settings = load(service, environment)
        assert {name: settings.address(name) for name in SERVICES} == plan.addresses
        assert settings.data == tmp_path
        assert settings.http_address == plan.http_address
        assert settings.database_url == "postgresql://x"
        assert settings.metrics_address == plan.metrics[service]
    assert plan.metrics["gateway"] == plan.http_address
    assert len({*plan.addresses.values(), *plan.metrics.values()}) == 2 * len(SERVICES)


def test_the_page_is_named_by_an_address_one_can_open(tmp_path: Path) -> None:
    assert make_plan(tmp_path, "0.0.0.0", 8484).url == "http://127.0.0.1:8484"


def test_a_new_hub_is_nobody_elses_business(tmp_path: Path) -> None:
    with FolderLock(tmp_path / "hub"):
        assert stat.S_IMODE((tmp_path / "hub").stat().st_mode) == 0o700


def test_one_hub_per_folder(tmp_path: Path) -> None:
    with FolderLock(tmp_path), pytest.raises(AlreadyRunning) as caught, FolderLock(tmp_path):
        pass
    assert caught.value.hint
    with FolderLock(tmp_path):
        pass  # free again


def test_a_number_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOICEHUB_OUTBOX_BOUND", "many")
    with pytest.raises(CannotStart, match="VOICEHUB_OUTBOX_BOUND is 'many'"):
        Launcher(tmp_path).run(print)


def test_a_taken_port_is_said(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        with pytest.raises(CannotStart, match=str(port)):
            Launcher(tmp_path, port=port)._prepare()


def test_all_keys_exist_before_the_first_service_reads_them(tmp_path: Path) -> None:
    Launcher(tmp_path)._prepare()
    verifier = Verifier(tmp_path / "keys")
    for service in SERVICES:
        ensure_keys(tmp_path / "keys", service)  # changes nothing
        token = Signer(tmp_path / "keys", service).sign(Identity(service=service))
        assert verifier.verify(token).service == service


def test_nobody_there_serves_nothing() -> None:
    (port,) = free_ports(1)
    assert not grpc_serves(f"127.0.0.1:{port}")
    assert not http_serves(f"http://127.0.0.1:{port}")


@pytest.fixture
def sleeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Child:
    """A service that only waits."""
    package = tmp_path / "services"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "sleeper.py").write_text("print('up', flush=True)\nimport signal\nsignal.pause()\n")
    monkeypatch.setattr(children, "FIRST_PAUSE_SECONDS", 0.01)
    return Child("sleeper", {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}, tmp_path)


def _tend_until_new(child: Child, old: int) -> None:
    deadline = time.monotonic() + 20
    while child.pid in (0, old) and time.monotonic() < deadline:
        child.tend()


def test_a_killed_service_is_started_again(sleeper: Child) -> None:
    sleeper.start()
    first = sleeper.pid
    assert not sleeper.tend()
    os.kill(first, signal.SIGKILL)
    _tend_until_new(sleeper, first)
    assert sleeper.pid not in (0, first)
    assert sleeper.restarts == 1
    sleeper.ask_to_stop()
    sleeper.wait(time.monotonic() + 20)
    assert sleeper.pid == 0


def test_a_service_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    package = tmp_path / "services"
    package.mkdir()
    (package / "__init__.py").touch()
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    code = f"import signal\n{ignore}\nprint('up', flush=True)\nwhile True: signal.pause()\n"
    (package / "stubborn.py").write_text(code)
    child = Child("stubborn", {**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1"}, tmp_path)
    child.start()
    deadline = time.monotonic() + 20
    while "up" not in child.last_words() and time.monotonic() < deadline:
        pass
    child.ask_to_stop()
    child.wait(time.monotonic())
    assert child.pid == 0
    assert child.exit_code == -signal.SIGKILL


def test_search_runs_on_an_engine_where_there_is_one(tmp_path: Path) -> None:
    said = {name: f"engine of {name}" for name in (*CHOSEN, *ALSO)}
    file = tmp_path / "engines.json"
    file.write_text(json.dumps({"environment": {**said, "VOICEHUB_OTHER": "x"}}))
    assert read_engines(file) == said
    embedded = {name: said[name] for name in CHOSEN}
    file.write_text(json.dumps({"environment": embedded}))
    assert read_engines(file) == embedded
    file.write_text(json.dumps({"environment": {name: said[name] for name in ALSO}}))
    with pytest.raises(CannotStart, match="Not all engines run"):
        read_engines(file)


def test_the_module_says_how_it_is_called() -> None:
    import subprocess

    done = subprocess.run(
        [sys.executable, "-m", "services.launcher"], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert "Usage" in done.stderr
