"""gunicorn's threaded worker, run in this process without an arbiter: the launcher watches over the process itself.

The kernel bounds how long one read from or write to a visitor's socket may take, so that a visitor who stops does not
keep a thread; see `services.gateway.limits` for how many slow answers there may be.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger
from gunicorn.http import errors
from gunicorn.workers.gthread import ThreadWorker
from werkzeug.wrappers import Response

from services.gateway.limits import THREADS
from services.gateway.rest.problems import of_status, problem

log = logging.getLogger(__name__)
SOCKET_SECONDS = 30
BACKLOG = 1024
GRACE_SECONDS = 5
DRAIN_SECONDS, DRAIN_BYTES = 5.0, 64 << 20
"""Of a body that nobody wanted."""
SURELY_READ = 64 << 10
"""Bytes of a body that the connection outlives, whether it was read or not."""
_STATUS: dict[type[Exception], int] = {errors.LimitRequestLine: 414, errors.LimitRequestHeaders: 431}
Wsgi = Callable[..., Any]


class Server(BaseApplication):  # type: ignore[misc]
    """A WSGI application with gunicorn's settings."""

    def __init__(self, app: Wsgi, stopped: Callable[[], None]) -> None:
        self._app, self._stopped = app, stopped
        super().__init__()

    def load_config(self) -> None:
        """Our settings; nothing is read from files or the environment."""
        settings: dict[str, Any] = {
            "threads": THREADS,
            "worker_connections": 1000,
            "keepalive": 15,
            "graceful_timeout": GRACE_SECONDS,
            "limit_request_line": 8190,
            "limit_request_fields": 64,
            "logger_class": QuietLogger,
            "accesslog": None,
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Wsgi:
        """The WSGI application."""
        return _closing(self._app)

    def serve(self, listener: socket.socket) -> None:
        """Serves until SIGTERM or SIGINT, or until the parent process is gone."""
        worker = Worker(1, os.getppid(), [listener], self, 0, self.cfg, QuietLogger(self.cfg))
        try:
            worker.init_process()
        finally:
            self._stopped()


class QuietLogger(Logger):  # type: ignore[misc]
    """gunicorn's messages through the logging of the house."""

    def setup(self, cfg: Any) -> None:
        """Leaves handlers and levels to `configure_logging`."""
        self.cfg = cfg
        self.error_log.propagate = True

    def access(self, *_: Any) -> None:
        """Requests are logged by `services.gateway.rest.observe`."""

    def exception(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """A visitor who read or sent nothing for `SOCKET_SECONDS` is no failure of the hub."""
        if isinstance(sys.exception(), BlockingIOError):
            log.info("a visitor stopped reading or sending")
        else:
            super().exception(msg, *args, **kwargs)

    def close_on_exec(self) -> None:
        """There are no log files."""


class Worker(ThreadWorker):  # type: ignore[misc]
    """The threaded worker, with problem documents for requests that are not even HTTP."""

    def handle_quit(self, sig: int, frame: object) -> None:
        """SIGINT ends as gracefully as SIGTERM."""
        self.handle_exit(sig, frame)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        """Takes in what is left of a body, within bounds, so that who sends all of it first still reads the answer."""
        drained = conn.parser.finish_body(deadline=time.monotonic() + DRAIN_SECONDS, max_bytes=DRAIN_BYTES)
        return bool(keepalive and drained)

    def handle_error(self, req: object, client: socket.socket, addr: object, exc: Exception) -> None:
        """Answers a request that could not be parsed."""
        if req is None or isinstance(exc, errors.ParseException | TimeoutError | BlockingIOError):
            log.info("a request was not HTTP", extra={"detail": str(exc)[:200]})
            status = _STATUS.get(type(exc))
            no_http = "The request is not valid HTTP.", "Use an HTTP/1.1 client."
            answer = of_status(status) if status else problem(400, *no_http)
        else:
            log.error("a request failed", exc_info=exc)
            answer = problem(500, "The hub failed.", "Tell the operator.", reason="HUB_FAILED")
        try:
            client.sendall(_raw(answer))
        except OSError:
            log.debug("the visitor is gone")


def listen(address: str) -> socket.socket:
    """A listening socket on `host:port`; connections made through it inherit the socket timeouts."""
    host, _, port = address.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # head and body are two writes: do not wait between
    limit = struct.pack("ll", SOCKET_SECONDS, 0)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        listener.setsockopt(socket.SOL_SOCKET, option, limit)
    listener.bind((host.strip("[]"), int(port)))
    listener.listen(BACKLOG)
    return listener


def _closing(app: Wsgi) -> Wsgi:
    """Says `Connection: close` of answers behind which nothing can follow: large bodies that were refused unread.

    Gunicorn drops what an application says of the connection, but closes it, and says so, when it is told here.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        large = int(environ.get("CONTENT_LENGTH") or 0) > SURELY_READ

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            if (large and status >= "4") or ("Connection", "close") in headers:
                start_response.__self__.force_close()
            return start_response(status, headers, *more)

        return app(environ, start)

    return serve


def _raw(answer: Response) -> bytes:
    body = answer.get_data()
    head = f"HTTP/1.1 {answer.status}\r\nContent-Type: {answer.content_type}\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
