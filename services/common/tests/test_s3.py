"""What S3, or a proxy before it, answers beside what was asked for; the contract: tests/contract/test_objects.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from services.common.away import is_away
from services.common.objects import Area, ObjectStore, open_store

DIGEST = "0" * 64
XML, HTML = "application/xml", "text/html"
_REGION = b"<LocationConstraint>here</LocationConstraint>"


class Answering(BaseHTTPRequestHandler):
    """Answers requests for objects, by their method, as `answers` says: status, kind and body."""

    answers: ClassVar[dict[str, tuple[int, str, bytes]]] = {}

    def do_GET(self) -> None:
        self._say(*((200, XML, _REGION) if self.path.endswith("location=") else self.answers[self.command]))

    do_HEAD = do_GET  # noqa: N815 - the base class's name

    def log_request(self, *_: object) -> None:
        """Says nothing."""

    def _say(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Last-Modified", "Sat, 28 Nov 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    monkeypatch.setattr(Answering, "answers", {"HEAD": (200, XML, b"12345")})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield open_store(f"s3+http://key:secret@127.0.0.1:{server.server_port}/bucket")
    server.shutdown()
    server.server_close()


def _error(code: str) -> bytes:
    return f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()


def test_what_went_before_its_first_byte_is_read_is_not_there(store: ObjectStore) -> None:
    Answering.answers["GET"] = (404, XML, _error("NoSuchKey"))
    with store.open(Area.SERVED, DIGEST) as stream, pytest.raises(KeyError):
        stream.read()


def test_a_store_that_refuses_to_give_the_bytes_refuses(store: ObjectStore) -> None:
    Answering.answers["GET"] = (403, XML, _error("AccessDenied"))
    with store.open(Area.SERVED, DIGEST) as stream, pytest.raises(OSError, match="refused: AccessDenied") as caught:
        stream.read()
    assert not is_away(caught.value)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", (429, XML, b"")),
        ("GET", (429, XML, _error("SlowDown"))),
        ("GET", (404, HTML, b"<h1>default backend</h1>")),
    ],
)
def test_a_store_that_has_too_much_to_do_or_hides_behind_a_proxy_is_away(
    store: ObjectStore, method: str, answer: tuple[int, str, bytes]
) -> None:
    Answering.answers[method] = answer
    with pytest.raises(OSError) as caught, store.open(Area.SERVED, DIGEST) as stream:
        stream.read()
    assert is_away(caught.value)
