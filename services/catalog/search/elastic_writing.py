"""Writing to Elasticsearch: in bulk, and never an older change over a newer one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

from elasticsearch import ConflictError, NotFoundError

from services.catalog.search.elastic_client import FILLING_SECONDS, Connection, lost
from services.catalog.search.elastic_documents import POSITION, Body, document
from services.catalog.search.lexicon import Lexicon
from services.catalog.search.port import Change
from services.common.errors import Unavailable

_OLDER = 409


def write(
    connection: Connection, alias: str, changes: Sequence[Change], lexicon: Lexicon, seconds: float, *, seen: bool
) -> str:
    """One bulk request, with the sequence as external version; answers the index that has it, empty for no changes.

    `seen` when it returns, or not. IndexLost if the alias names no index. What the engine refuses raises RuntimeError,
    after everything else is in.
    """
    if not changes:
        return ""
    operations: list[Body] = []
    for change in sorted(changes, key=lambda change: change.sequence):
        versioned = {"_id": change.id, "version": change.sequence, "version_type": "external_gte"}
        operations += [{"index": versioned}, document(change, lexicon)]
    with connection.asking(seconds) as client:
        answer = client.bulk(index=alias, operations=operations, require_alias=True, refresh=seen)
    failed = [one["index"] for one in answer["items"] if one["index"]["status"] >= 300]
    refused = [one for one in failed if one["status"] != _OLDER]
    if any(one["error"]["type"] == "index_not_found_exception" for one in refused):
        raise lost()
    if any(one["status"] in (429, 503) for one in refused):
        raise Unavailable("The search engine is busy.", hint="Try again in a few seconds.", reason="SEARCH_UNAVAILABLE")
    if refused:
        raise RuntimeError(f"Elasticsearch refuses {len(refused)} entries, first {refused[0]}")
    return str(answer["items"][0]["index"]["_index"])


def keep_position(connection: Connection, index: str, position: int, *, alias: bool = True) -> None:
    """Notes where the index stands in the log; it never goes back. IndexLost if the alias names no index."""
    with connection.asking() as client:
        try:
            client.index(
                index=index,
                id=POSITION,
                document={"private": True, "position": position},
                version=position + 1,
                version_type="external_gte",
                require_alias=alias,
            )
        except ConflictError:
            return  # another process is ahead
        except NotFoundError as error:
            raise lost() from error


def filled_by(name: str) -> str:
    """The alias of an index that is being filled: writing to it makes no new index where the old one was deleted."""
    return f"{name}-filling"


class ElasticFilling:
    """A new index that the alias does not name yet. Another process that switches to a later one deletes it."""

    def __init__(self, connection: Connection, name: str, lexicon: Lexicon, switch: Callable[[str, int], None]) -> None:
        self._connection, self._name, self._lexicon, self._switch = connection, name, lexicon, switch

    def apply(self, changes: Sequence[Change]) -> None:
        """Lets changes in, unseen."""
        write(self._connection, filled_by(self._name), changes, self._lexicon, FILLING_SECONDS, seen=False)

    def switch(self, position: int) -> None:
        """Moves the alias."""
        self._switch(self._name, position)

    def discard(self) -> None:
        """Deletes it, unless it answers; what an unreachable engine keeps of it goes with the next switch."""
        with suppress(Unavailable, NotFoundError), self._connection.asking(FILLING_SECONDS) as client:
            aliases = client.indices.get_alias(index=self._name)[self._name]["aliases"]
            if filled_by(self._name) in aliases:
                client.indices.delete(index=self._name, ignore_unavailable=True)
