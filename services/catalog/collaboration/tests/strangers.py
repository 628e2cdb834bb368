"""What somebody without any role may ask of a catalog, and what two hubs that differ in ids and times answer alike."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf.message import Message

from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import forks_pb2, pulls_pb2, refs_pb2


def questions(owners: Iterable[str], names: Iterable[str]) -> Iterator[tuple[str, str, Message]]:
    """Service, method and request: all repositories, and everything about those of these names."""
    yield "catalog", "ListRepositories", pb.ListRepositoriesRequest()
    yield "catalog", "SearchVoices", pb.SearchVoicesRequest(query="demo", forks=True)
    names = list(names)
    for owner, name in ((owner, name) for owner in owners for name in names):
        at: dict[str, Any] = {"owner": owner, "name": name}
        yield "catalog", "GetRepository", pb.GetRepositoryRequest(**at)
        yield "catalog", "GetVersion", pb.GetVersionRequest(**at)
        yield "catalog", "ListVersions", pb.ListVersionsRequest(**at)
        yield "refs", "ListRefs", refs_pb2.ListRefsRequest(**at)
        yield "refs", "ListHistory", refs_pb2.ListHistoryRequest(**at)
        yield "forks", "GetLineage", forks_pb2.GetLineageRequest(**at)
        yield "pulls", "ListPulls", pulls_pb2.ListPullsRequest(**at)
        yield "forks", "ForkRepository", forks_pb2.ForkRepositoryRequest(**at, new_owner="nobody")


def plain(told: Any, names: dict[str, str]) -> bytes:
    """The answer as text, its ids (32 hex digits) numbered in their order, times and scores left out."""
    text = re.sub(r"(seconds|nanos|score): [-\d.e]+\n", "", str(told))
    text = re.sub(r'next_cursor: "([^"]*)"', _opened, text)
    text = re.sub(r'  key: "standing"\n    value: [-\d.e]+\n', "", text)
    for found in re.findall(r"\b[0-9a-f]{32}\b", text):
        names.setdefault(found, f"id {len(names)}")
    return re.sub(r"\b[0-9a-f]{32}\b", lambda match: names[match.group()], text).encode()


def _opened(cursor: re.Match[str]) -> str:
    """What a cursor says; of a search without the name of the ranking, which is a digest of its ids and scores."""
    said = base64.urlsafe_b64decode(cursor[1] + "=" * (-len(cursor[1]) % 4)).decode()
    return f"next_cursor: {re.sub('(?<=search., .)[0-9a-f]{16}:', '', said)}"
