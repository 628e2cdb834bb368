"""A whole hub as processes on loopback, for tests that attack it from outside."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

START_SECONDS = 300.0
ANSWER_SECONDS = 120.0
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Answer:
    """What came back; the body of an event stream is not read."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The JSON body."""
        return json.loads(self.body)


class Attacker:
    """Sends requests exactly as they are given, over one connection that is opened again when it was closed."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._connection = self._open()

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """One request; a connection the hub has closed in between is opened again once."""
        for attempt in (1, 2):
            try:
                return self._exchange(method, path, headers, body)
            except (http.client.RemoteDisconnected, ConnectionError, http.client.CannotSendRequest):
                self._connection.close()
                self._connection = self._open()
                if attempt == 2:
                    raise
        raise AssertionError("unreachable")

    def json(self, method: str, path: str, body: Any, token: str = "") -> Answer:
        """A well-behaved JSON request."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return self.send(method, path, headers, json.dumps(body).encode() if body is not None else b"")

    def login(self, name: str) -> str:
        """A session of that account, made if it is new."""
        who = {"name": name, "password": PASSWORD}
        self.json("POST", "/v1/accounts", who)
        return str(self.json("POST", "/v1/sessions", who).json()["token"])

    def upload(self, token: str, data: bytes, filename: str) -> str:
        """A complete upload's id."""
        begun = self.json("POST", "/v1/uploads", {"filename": filename, "size": len(data)}, token).json()["id"]
        headers = {"Authorization": f"Bearer {token}", "Upload-Offset": "0"}
        sent = self.send("PATCH", f"/v1/uploads/{begun}", headers, data)
        assert sent.status == 200, sent.body
        return str(begun)

    def _open(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.address, timeout=ANSWER_SECONDS)

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers.items():
            self._connection.putheader(name, value)
        if body or method in ("POST", "PUT", "PATCH"):
            self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders()
        try:
            self._connection.send(body)
        except (BrokenPipeError, ConnectionResetError):
            self._connection.sock.settimeout(ANSWER_SECONDS)  # refused early: the answer may be there all the same
        with self._connection.getresponse() as response:
            stream = response.headers.get_content_type() == "text/event-stream"
            data = b"" if stream else response.read()
        if stream:
            self._connection.close()
        return Answer(response.status, dict(response.headers), data)


@contextmanager
def running_hub(data: Path) -> Iterator[str]:
    """`host:port` of a hub in `data` whose rate limits are out of the way."""
    limits = {f"VOICEHUB_RATE_{name}": "100000000" for name in ("API", "DOWNLOADS", "PASSWORDS")}
    environment = {**os.environ, **limits, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "services.launcher", str(data)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    patience = threading.Timer(START_SECONDS, process.terminate)
    patience.start()
    try:
        line = process.stdout.readline().strip()
        patience.cancel()
        assert line.startswith("http"), f"the hub did not start: {line!r}"
        yield urlsplit(line).netloc
    finally:
        patience.cancel()
        process.terminate()
        assert process.wait(timeout=60) == 0


def failures(data: Path) -> list[str]:
    """The log lines of all services that tell of a failure nobody foresaw."""
    lines = [line for log in (data / "logs").glob("*.jsonl") for line in log.read_text(errors="replace").splitlines()]
    return [line[:2000] for line in lines if "Traceback" in line or '"level": "ERROR"' in line]
