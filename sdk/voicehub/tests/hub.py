"""A small real HTTP server that speaks the upload, download and event parts of the public API, and can misbehave."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from blake3 import blake3

BLOCK = 64 << 10


class Hub:
    """What the server knows, and what it shall do wrong."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, tuple[str, int, bytearray]] = {}
        self.cuts: list[int] = []
        """Break the next downloads after so many bytes."""
        self.forget_answers = 0
        """Take so many pieces without answering."""
        self.busy = 0
        self.json: dict[str, Any] = {}
        self.not_spoken: list[str] = []
        self.events: list[list[str]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[Any] = []
        """Of POSTs."""
        self.sent_bytes = self.received_bytes = 0
        self.seconds_per_block = 0.0
        """How slow the line is."""
        self.link = threading.Event()
        self._counted = threading.Condition()
        self.url = ""

    def sent(self, count: int) -> None:
        with self._counted:
            self.sent_bytes += count
            self._counted.notify_all()

    def came(self, count: int) -> None:
        with self._counted:
            self.received_bytes += count

    def wait_until_sent(self, count: int, seconds: float) -> None:
        """Until the server has sent so many bytes."""
        with self._counted:
            assert self._counted.wait_for(lambda: self.sent_bytes >= count, seconds), "nothing more was asked for"

    def sent_since(self, before: int, count: int) -> int:
        """Bytes sent since then, at least `count`: the server counts after it has written, a client may read before."""
        self.wait_until_sent(before + count, 10.0)
        return self.sent_bytes - before

    def add(self, data: bytes) -> str:
        digest = blake3(data).hexdigest()
        self.objects[digest] = data
        return digest


@contextmanager
def running_hub() -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def _answer(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            hub.requests.append((self.command, self.path, dict(self.headers.items())))
            parts = self.path.partition("?")[0].split("/")
            if hub.busy:
                hub.busy -= 1
                self._answer(503, {"detail": "A part of the hub does not answer.", "hint": "Try again."})
            elif "objects" in parts[-2:] or "deltas" in parts[-3:-1]:
                self._object(parts[-1])
            elif parts[-1] == "events":
                self._events()
            elif parts[2] == "uploads":
                self._answer(200, self._upload(parts[3]))
            elif self.path.partition("?")[0] in hub.json:
                self._answer(200, hub.json[self.path.partition("?")[0]])
            else:
                self._answer(404, {"detail": "There is no such thing.", "hint": "Check the name."})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            hub.bodies.append(body)
            hub.requests.append((self.command, self.path, dict(self.headers.items())))
            if self.path in hub.json:
                self._answer(201, hub.json[self.path])
                return
            if self.path == "/v1/synthesis":
                self._speech()
                return
            if self.path.endswith("/copies"):
                self._copy(self.path.split("/")[3], body)
                return
            identifier = f"u{len(hub.uploads)}"
            hub.uploads[identifier] = (body["filename"], body["size"], bytearray())
            self._answer(201, {"id": identifier, "offset": 0})

        def _speech(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "4")
            if hub.not_spoken:
                self.send_header("X-Left-Out", json.dumps(hub.not_spoken))
            self.end_headers()
            self.wfile.write(b"RIFF")

        def _copy(self, identifier: str, part: dict[str, Any]) -> None:
            whole = [data for _, size, data in hub.uploads.values() if len(data) == size]
            given = {blake3(bytes(data)).hexdigest(): data for data in whole}
            if part["digest"] not in given:
                self._answer(404, {"detail": "You have given no such file.", "hint": "Send the bytes."})
                return
            hub.uploads[identifier][2].extend(given[part["digest"]][part["start"] : part["start"] + part["size"]])
            self._answer(200, self._upload(identifier))

        def do_PATCH(self) -> None:
            identifier = self.path.split("/")[3]
            piece = self.rfile.read(int(self.headers["Content-Length"]))
            _, _, data = hub.uploads[identifier]
            hub.came(len(piece))
            if int(self.headers["Upload-Offset"]) != len(data):
                self._answer(409, {"detail": "The offset is another one.", "hint": "Ask for it."})
                return
            data.extend(piece)
            if hub.forget_answers:
                hub.forget_answers -= 1
                self.close_connection = True
                return
            self._answer(200, self._upload(identifier))

        def _upload(self, identifier: str) -> dict[str, Any]:
            filename, size, data = hub.uploads[identifier]
            answer = {"id": identifier, "filename": filename, "size": size, "offset": len(data)}
            return answer | ({"digest": blake3(bytes(data)).hexdigest()} if len(data) == size else {})

        def _object(self, digest: str) -> None:
            data = hub.objects[digest]
            asked = self.headers.get("Range")
            first, _, last = asked.removeprefix("bytes=").partition("-") if asked else ("0", "", "")
            rest = data[int(first) : int(last) + 1 if last else len(data)]
            self.send_response(206 if asked else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            if hub.cuts:
                rest = rest[: hub.cuts.pop(0)]
                self.close_connection = True
            for at in range(0, len(rest), BLOCK):
                hub.link.wait(hub.seconds_per_block)
                self.wfile.write(rest[at : at + BLOCK])
                hub.sent(len(rest[at : at + BLOCK]))

        def _events(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.wfile.write("\n".join([*hub.events.pop(0), ""]).encode())

    return Handler
