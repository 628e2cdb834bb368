"""Mutual TLS between real processes: who shows no certificate of the house is refused, and probes go on working."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

import grpc
import pytest

from services.common import rpc
from services.common.identity import Identity, Signer, ensure_keys
from services.common.settings import SERVICES
from services.common.tests.authority import Authority
from services.common.tls import TlsUnusable, names_of, read_pair
from services.stubs.voicehub.scanner.v1 import scanner_pb2, scanner_pb2_grpc

PATIENCE = 60.0
HERE = Path(__file__).parents[3]
_opener = build_opener(ProxyHandler({}))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(url: str) -> tuple[int, str]:
    try:
        with _opener.open(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()
    except (URLError, OSError):
        return 0, ""


class Scanner:
    """The scanner as a process of its own."""

    def __init__(self, data: Path, certificate: Path | None) -> None:
        self.address, self.metrics = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
        self.keys = data / "keys"
        environment = {k: v for k, v in os.environ.items() if not k.startswith("VOICEHUB_")}
        environment |= {f"VOICEHUB_{name.upper()}_ADDRESS": self.address for name in SERVICES}
        environment |= {"VOICEHUB_DATA": str(data), "VOICEHUB_METRICS_ADDRESS": self.metrics}
        if certificate:
            environment["VOICEHUB_TLS"] = str(certificate)
        self.process = subprocess.Popen([sys.executable, "-m", "services.scanner"], env=environment, cwd=HERE)

    def probe(self, path: str) -> tuple[int, str]:
        return fetch(f"http://{self.metrics}{path}")

    def ask(self, certificate: Path | None) -> grpc.StatusCode:
        """How a signed call ends: NOT_FOUND is an answer, UNAVAILABLE is none."""
        token = Signer(self.keys, "gateway").sign(Identity("ann", scopes=frozenset({"read"})))
        with rpc.make_channel(self.address, lambda: token, certificate) as channel:
            call = scanner_pb2_grpc.ScannerServiceStub(channel).GetReport.with_call
            with pytest.raises(grpc.RpcError) as caught:
                call(scanner_pb2.GetReportRequest(version_id="none"), timeout=1.5)
        code = caught.value.code()
        assert isinstance(code, grpc.StatusCode)
        return code


@contextmanager
def scanner(data: Path, certificate: Path | None) -> Iterator[Scanner]:
    ensure_keys(data / "keys", "gateway")
    running = Scanner(data, certificate)
    try:
        deadline = time.monotonic() + PATIENCE
        while running.probe("/readyz")[0] != 200:
            assert running.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield running
    finally:
        running.process.terminate()
        assert running.process.wait(30) == 0


ANSWERED = grpc.StatusCode.NOT_FOUND
REFUSED = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def test_only_who_has_a_certificate_of_the_house_gets_an_answer(tmp_path: Path) -> None:
    house, stranger = Authority("house"), Authority("stranger")
    own = house.issue(tmp_path / "scanner", "voicehub-scanner", "localhost")
    client = house.issue(tmp_path / "gateway", "voicehub-gateway")
    foreign = stranger.issue(tmp_path / "stranger", "voicehub-gateway")
    nameless = tmp_path / "nameless"  # knows the authority and has no certificate of it
    nameless.mkdir()
    for name, source in (("ca.crt", client), ("tls.crt", foreign), ("tls.key", foreign)):
        (nameless / name).write_bytes((source / name).read_bytes())
    with scanner(tmp_path / "hub", own) as running:
        assert running.ask(client) == ANSWERED
        assert running.ask(None) in REFUSED  # plain text
        assert running.ask(foreign) in REFUSED
        assert running.ask(nameless) in REFUSED
        bare = grpc.ssl_channel_credentials((client / "ca.crt").read_bytes())  # TLS, but no certificate at all
        with grpc.secure_channel(running.address, bare) as channel, pytest.raises(grpc.FutureTimeoutError):
            grpc.channel_ready_future(channel).result(timeout=1.5)
        assert running.probe("/livez") == (200, json.dumps({"status": "ok"}))
        assert "voicehub_outbox_events" in running.probe("/metrics")[1]


def test_a_client_refuses_a_server_of_another_authority(tmp_path: Path) -> None:
    house, stranger = Authority("house"), Authority("stranger")
    client = house.issue(tmp_path / "gateway", "voicehub-gateway")
    impostor = stranger.issue(tmp_path / "scanner", "voicehub-scanner", "localhost")
    with scanner(tmp_path / "hub", impostor) as running:
        assert running.ask(client) in REFUSED
        assert running.ask(impostor) == ANSWERED  # it does serve


def test_without_certificates_it_works_as_before_and_says_when_it_is_not_ready(tmp_path: Path) -> None:
    data = tmp_path / "hub"
    with scanner(data, None) as running:
        assert running.ask(None) == ANSWERED
        assert running.probe("/livez")[0] == 200
        objects = data / "objects" / "served"
        objects.rename(data / "objects" / "away")
        objects.touch()  # a file where the folder was: the store cannot be used
        deadline = time.monotonic() + PATIENCE
        while running.probe("/readyz")[0] != 503:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "objects" in running.probe("/readyz")[1]
        assert running.probe("/livez")[0] == 200  # starting it again would not help
        objects.unlink()
        (data / "objects" / "away").rename(objects)
        while running.probe("/readyz")[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_renewed_certificate_makes_a_process_start_again(tmp_path: Path) -> None:
    house = Authority("house")
    folder = house.issue(tmp_path / "tls", "voicehub-scanner")
    program = (
        "import pathlib, sys, threading; from services.common.tls import leave_when_renewed;"
        "leave_when_renewed(pathlib.Path(sys.argv[1]), 0.05); print('up', flush=True); threading.Event().wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", program, folder], cwd=HERE, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        house.issue(folder, "voicehub-scanner")
        assert process.wait(30) == -15
    finally:
        process.kill()
        process.wait()


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(TlsUnusable, match=r"no tls\.crt, tls\.key, ca\.crt"):
        read_pair(tmp_path)
    folder = Authority("house").issue(tmp_path / "tls", "voicehub-scanner", "localhost")
    assert names_of(read_pair(folder)) == ["voicehub-scanner", "localhost"]
    (folder / "tls.crt").write_text("nothing")
    with pytest.raises(TlsUnusable, match=r"tls\.crt is no certificate"):
        names_of(read_pair(folder))
