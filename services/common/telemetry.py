"""Structured logs (one JSON object a line, with the trace id) and the trace context (W3C traceparent)."""

from __future__ import annotations

import contextvars
import json
import logging
import secrets
import sys
from datetime import UTC, datetime

_trace: contextvars.ContextVar[str] = contextvars.ContextVar("voicehub_traceparent", default="")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def new_traceparent() -> str:
    """A fresh W3C `traceparent` header value."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def traceparent() -> str:
    """The trace of the work under way; a fresh one if there is none."""
    current = _trace.get()
    if not current:
        current = new_traceparent()
        _trace.set(current)
    return current


def set_traceparent(value: str) -> None:
    """Continues the trace that came with a request or an event."""
    _trace.set(value or new_traceparent())


class JsonFormatter(logging.Formatter):
    """Log records as JSON lines; `extra=` fields become keys."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """One line of JSON."""
        entry: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname,
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            "trace": _trace.get()[3:35],
        }
        entry.update({key: value for key, value in vars(record).items() if key not in _STANDARD})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def configure_logging(service: str, level: str = "INFO") -> None:
    """Sends all logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
