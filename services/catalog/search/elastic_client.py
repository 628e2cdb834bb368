"""The connection to Elasticsearch, and what it means when it does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote, urlsplit

from elasticsearch import ApiError, Elasticsearch, TransportError

from services.catalog.search.port import IndexLost
from services.common.errors import Unavailable

ALIAS = "voicehub"
SECONDS = 10.0
_BUSY = (408, 429, 502, 503, 504)


def connect(url: str) -> tuple[Elasticsearch, str]:
    """The client and the alias that a URL names; nothing is sent yet."""
    parts = urlsplit(url)
    scheme = "https" if parts.scheme.endswith("+https") else "http"
    credentials, _, hosts = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    client = Elasticsearch(
        [f"{scheme}://{host}" for host in hosts.split(",")],
        basic_auth=(unquote(user), unquote(password)) if user else None,
        request_timeout=SECONDS,
        max_retries=0,  # who searches is told at once; what was not applied is applied by the next search
    )
    return client, parts.path.strip("/") or ALIAS


@contextmanager
def reachable() -> Iterator[None]:
    """Turns an engine that does not answer into the error that says so."""
    try:
        yield
    except TransportError as error:
        raise _silent() from error
    except ApiError as error:
        if error.status_code not in _BUSY:
            raise
        raise _silent() from error


def lost() -> IndexLost:
    """What is said when nothing is behind the alias."""
    return IndexLost(
        "The search index is not there.", hint="Try again in a minute; it is filled anew.", reason="SEARCH_UNAVAILABLE"
    )


def _silent() -> Unavailable:
    return Unavailable(
        "The search engine does not answer.",
        hint="Try again in a few seconds; everything but search goes on meanwhile.",
        reason="SEARCH_UNAVAILABLE",
    )
