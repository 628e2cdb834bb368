"""Server-sent events (WHATWG HTML, chapter 9.2), each stream in a slot of its own pool.

A reader thread takes messages from the source; the answer waits for them and says `: alive` in between, so that a
client that went away is noticed and its slot given back.
"""

from __future__ import annotations

import contextvars
import json
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from werkzeug.wrappers import Response

from services.common.errors import VoiceHubError
from services.gateway.clients import told
from services.gateway.limits import Slots

log = logging.getLogger(__name__)
HEARTBEAT_SECONDS = 10.0
LONGEST_SECONDS = 3600.0
BUFFERED = 64


@dataclass(frozen=True)
class Message:
    """One event: its name, its id for `Last-Event-ID`, its JSON data."""

    event: str
    id: str
    data: Mapping[str, Any]

    def encode(self) -> bytes:
        """The lines of the event stream."""
        text = json.dumps(self.data, ensure_ascii=False, allow_nan=False)
        return f"id: {self.id}\nevent: {self.event}\ndata: {text}\n\n".encode()


Source = Callable[[threading.Event], Iterator[Message]]


def stream(source: Source, slots: Slots, visitor: str, cancel: Callable[[], object] = lambda: None) -> Response:
    """An event stream from `source`, which ends early when the event it is given is set; `cancel` unblocks it."""
    slots.take(visitor)
    pump = _Pump(source, cancel)
    response = Response(pump.lines(), mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    response.call_on_close(pump.stop)
    response.call_on_close(lambda: slots.give(visitor))
    return response


def sequence_of(last_event_id: str) -> int:
    """The sequence number in a `Last-Event-ID` header, 0 if there is none that is understood."""
    usable = last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 19
    return int(last_event_id) if usable else 0


def heard(call: Any, stop: threading.Event) -> Iterator[Any]:
    """What a service says on a stream that was asked to last `LONGEST_SECONDS`; whoever listens then connects again."""
    try:
        yield from call
    except grpc.RpcError as error:
        if not stop.is_set() and call.code() is not grpc.StatusCode.DEADLINE_EXCEEDED:
            raise told(error) from error


class _Pump:
    """Carries messages from the thread that reads the source to the thread that answers."""

    def __init__(self, source: Source, cancel: Callable[[], object]) -> None:
        self._source, self._cancel = source, cancel
        self._waiting: queue.Queue[bytes | None] = queue.Queue(BUFFERED)
        self._stop = threading.Event()
        context = contextvars.copy_context()  # the reader calls other services in the name of the same person
        self._thread = threading.Thread(target=context.run, args=(self._read,), name="events-reader", daemon=True)

    def lines(self) -> Iterator[bytes]:
        """The body of the answer."""
        self._thread.start()
        yield b"retry: 2000\n\n"
        beats = int(LONGEST_SECONDS / HEARTBEAT_SECONDS)
        while beats:
            try:
                line = self._waiting.get(timeout=HEARTBEAT_SECONDS)
            except queue.Empty:
                beats -= 1
                line = b": alive\n\n"
            if line is None:
                return
            yield line

    def stop(self) -> None:
        """Ends the reader."""
        self._stop.set()
        self._cancel()

    def _read(self) -> None:
        try:
            for message in self._source(self._stop):
                if not self._offer(message.encode()):
                    return
        except VoiceHubError as error:
            self._tell(error.message, error.hint)
        except Exception:
            log.exception("the source of an event stream failed")
            self._tell("The hub failed.")
        finally:
            self._offer(None)

    def _tell(self, detail: str, hint: str = "") -> None:
        data = {"detail": detail, "hint": hint or "Connect again."}
        self._offer(Message("problem", "", data).encode().removeprefix(b"id: \n"))

    def _offer(self, line: bytes | None) -> bool:
        while not self._stop.is_set():
            try:
                self._waiting.put(line, timeout=1.0)
            except queue.Full:
                continue
            return True
        return False
