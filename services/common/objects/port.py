"""The port of the object store and the choice of its adapter by URL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

CHUNK = 1 << 20
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Area(StrEnum):
    """Uploads wait in QUARANTINE and are never served; only what the scanner rebuilt reaches SERVED."""

    QUARANTINE = "quarantine"
    SERVED = "served"


@dataclass(frozen=True)
class ObjectInfo:
    """Digest (64 hex digits) and size in bytes."""

    digest: str
    size: int


def is_digest(text: str) -> bool:
    """Whether it is written as the digest of an object: 64 hex digits."""
    return _DIGEST.fullmatch(text) is not None


class ObjectStore(Protocol):
    """Content-addressed storage. A put is durable when it returns; putting the same bytes twice is no error.

    All methods raise OSError when the store cannot be reached or refuses.
    """

    def put(self, area: Area, chunks: Iterable[bytes]) -> ObjectInfo:
        """Stores the bytes and answers their digest."""
        ...

    def open(self, area: Area, digest: str, offset: int = 0) -> BinaryIO:
        """A seekable stream from `offset`; KeyError if the object is not there."""
        ...

    def info(self, area: Area, digest: str) -> ObjectInfo:
        """Digest and size; KeyError if the object is not there."""
        ...

    def delete(self, area: Area, digest: str) -> None:
        """Removes the object; no error if it is not there."""
        ...

    def age(self, area: Area, digest: str) -> float:
        """Seconds since the object was put, for the first time or again; KeyError if it is not there."""
        ...

    def delete_older(self, area: Area, digest: str, seconds: float) -> bool:
        """Removes the object unless it was put, for the first time or again, less than `seconds` ago.

        Answers whether it is not there any more. A put at the same time is never lost, whoever comes first.
        """
        ...

    def digests(self, area: Area) -> Iterator[str]:
        """All digests of an area, in no particular order."""
        ...


def open_store(url: str) -> ObjectStore:
    """The adapter that `VOICEHUB_OBJECTS_URL` names; ValueError for an unknown scheme."""
    scheme = urlsplit(url).scheme
    if scheme == "file":
        from services.common.objects.folder import FolderStore

        return FolderStore.from_url(url)
    if scheme in ("s3", "s3+http"):
        from services.common.objects.s3 import S3Store

        return S3Store.from_url(url)
    raise ValueError(f"VOICEHUB_OBJECTS_URL: unknown scheme {scheme!r}; use file:///path or s3://host/bucket")


def chunks_of(stream: BinaryIO, size: int = CHUNK) -> Iterator[bytes]:
    """The rest of a stream in pieces of `size` bytes."""
    while chunk := stream.read(size):
        yield chunk
