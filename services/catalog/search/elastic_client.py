"""The connection to Elasticsearch, and what it means when it does not answer."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from elasticsearch import ApiError, ConnectionTimeout, Elasticsearch, TransportError

from services.catalog.search.port import IndexLost
from services.common.errors import Unavailable

ALIAS = "voicehub"
SECONDS, FILLING_SECONDS = 5.0, 60.0
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_BUSY = (408, 429, 502, 503, 504)


class Connection:
    """A client that tells an engine that does not answer from one that does.

    While an engine is silent one caller at a time waits for it; the others are told at once, so that they hold no
    thread of the service that others need.
    """

    def __init__(self, client: Elasticsearch) -> None:
        self.client = client
        self._silent = False
        self._waiting = threading.Lock()

    @contextmanager
    def asking(self, seconds: float = SECONDS) -> Iterator[Elasticsearch]:
        """The client, within a block in which silence of so many seconds and overload become Unavailable."""
        waits = self._silent and self._waiting.acquire(blocking=False)
        if self._silent and not waits:
            raise _unavailable()
        try:
            yield self.client.options(request_timeout=seconds)
            self._silent = False
        except TransportError as error:
            self._silent = isinstance(error, ConnectionTimeout)
            raise _unavailable() from error
        except ApiError as error:
            self._silent = False
            if error.status_code in _BUSY:
                raise _unavailable() from error
            raise
        finally:
            if waits:
                self._waiting.release()


def connect(url: str) -> tuple[Connection, str]:
    """The connection and the alias that a URL names; nothing is sent yet. ValueError for no name of an index."""
    parts = urlsplit(url)
    alias = parts.path.strip("/") or ALIAS
    if not _NAME.fullmatch(alias):
        raise ValueError(f"VOICEHUB_SEARCH_URL: {alias!r} names no index; use small letters, digits, - and _")
    scheme = "https" if parts.scheme.endswith("+https") else "http"
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    client = Elasticsearch(
        [f"{scheme}://{host}" for host in hosts.split(",")],
        basic_auth=(unquote(user), unquote(password)) if user else None,
        max_retries=0,  # who searches is told at once; what was not applied is applied by the next search
    )
    return Connection(client), alias


def lost() -> IndexLost:
    """What is said when nothing is behind the alias."""
    return IndexLost(
        "The search index is not there.", hint="Try again in a minute; it is filled anew.", reason="SEARCH_UNAVAILABLE"
    )


def _unavailable() -> Unavailable:
    return Unavailable(
        "The search engine does not answer.",
        hint="Try again in a few seconds; everything but search goes on meanwhile.",
        reason="SEARCH_UNAVAILABLE",
    )
