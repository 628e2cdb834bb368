"""Objects on an S3 API: `s3://[key:secret@]host[:port]/bucket[/prefix]`; `s3+http://…` without TLS.

Without a key in the URL, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are used. An object gets its name, the digest,
when all its bytes are there, so a put goes through a temporary file; S3 shows an object whole or not at all.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

import urllib3
from blake3 import blake3
from minio import Minio
from minio.error import MinioException, S3Error
from urllib3.exceptions import HTTPError

from services.common.objects.port import Area, ObjectInfo, is_digest

IN_MEMORY = 8 << 20
PART = 16 << 20
BUFFER = 1 << 20
MISSING = frozenset({"NoSuchKey", "NoSuchObject"})
BUSY = (429, 500, 502, 503, 504)
RETRIES = urllib3.Retry(total=4, backoff_factor=0.2, status_forcelist=BUSY, allowed_methods=None)
TIMEOUT = urllib3.Timeout(connect=5, read=60)
POOL = 32


class S3Store:
    """Objects in one bucket: `<prefix>/<area>/<two digits>/<digest>`."""

    def __init__(self, client: Minio, bucket: str, prefix: str = "") -> None:
        self._client, self._bucket = client, bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @classmethod
    def from_url(cls, url: str) -> S3Store:
        """The store that a URL names; ValueError if it names no bucket."""
        parts = urlsplit(url)
        bucket, _, prefix = parts.path.strip("/").partition("/")
        if not bucket or not parts.hostname:
            raise ValueError("VOICEHUB_OBJECTS_URL names no bucket; use s3://host/bucket or s3+http://host:port/bucket")
        client = Minio(
            parts.netloc.rpartition("@")[2],
            access_key=unquote(parts.username or os.environ.get("AWS_ACCESS_KEY_ID", "")),
            secret_key=unquote(parts.password or os.environ.get("AWS_SECRET_ACCESS_KEY", "")),
            secure=parts.scheme == "s3",
            http_client=urllib3.PoolManager(timeout=TIMEOUT, retries=RETRIES, maxsize=POOL),
        )
        return cls(client, bucket, prefix)

    def put(self, area: Area, chunks: Iterable[bytes]) -> ObjectInfo:
        """Stores the bytes; S3 acknowledges what is durable."""
        hasher, size = blake3(), 0
        with SpooledTemporaryFile(IN_MEMORY) as file:
            for chunk in chunks:
                hasher.update(chunk)
                size += len(chunk)
                file.write(chunk)
            file.seek(0)
            digest = hasher.hexdigest()
            with _as_os_errors(digest):
                self._client.put_object(
                    self._bucket, self._key(area, digest), cast(BinaryIO, file), size, part_size=PART
                )
        return ObjectInfo(digest, size)

    def open(self, area: Area, digest: str, offset: int = 0) -> BinaryIO:
        """A stream from `offset`, which goes on after a broken connection."""
        key, size = self._key(area, digest), self.info(area, digest).size
        reader = _Reader(self._client, self._bucket, key, size)
        reader.seek(offset)
        return io.BufferedReader(reader, BUFFER)

    def info(self, area: Area, digest: str) -> ObjectInfo:
        """Digest and size."""
        with _as_os_errors(digest):
            found = self._client.stat_object(self._bucket, self._key(area, digest))
        return ObjectInfo(digest, found.size or 0)

    def delete(self, area: Area, digest: str) -> None:
        """Removes the object if it is there."""
        with _as_os_errors(digest):
            self._client.remove_object(self._bucket, self._key(area, digest))

    def age(self, area: Area, digest: str) -> float:
        """Seconds since the last put, by the clock of the store; 0 where it tells none."""
        with _as_os_errors(digest):
            found = self._client.stat_object(self._bucket, self._key(area, digest))
        return (datetime.now(UTC) - found.last_modified).total_seconds() if found.last_modified else 0.0

    def delete_older(self, area: Area, digest: str, seconds: float) -> bool:
        """Removes what was put long enough ago, by the clock of the store.

        S3 has no removal on a condition: an object put again between the look and the removal, a few milliseconds,
        would be lost. Who wants none of that lets nobody put while objects are collected.
        """
        try:
            if self.age(area, digest) < seconds:
                return False
        except KeyError:
            return True
        self.delete(area, digest)
        return True

    def digests(self, area: Area) -> Iterator[str]:
        """All digests of an area, page by page."""
        with _as_os_errors(""):
            for found in self._client.list_objects(self._bucket, prefix=f"{self._prefix}{area.value}/", recursive=True):
                yield (found.object_name or "").rpartition("/")[2]

    def _key(self, area: Area, digest: str) -> str:
        if not is_digest(digest):
            raise KeyError(digest)
        return f"{self._prefix}{area.value}/{digest[:2]}/{digest}"


class _Reader(io.RawIOBase):
    """One object as a file: a ranged request from where it is read, another one when the line breaks."""

    def __init__(self, client: Minio, bucket: str, key: str, size: int) -> None:
        self._client, self._bucket, self._key, self._size = client, bucket, key, size
        self._position = 0
        self._response: Any = None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves; the next read asks for the range from there."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if origin + offset != self._position:
            self._let_go()
            self._position = origin + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        """Fills what one read brings; 0 at the end."""
        if self._position >= self._size:
            return 0
        with _as_os_errors(self._key):
            try:
                data = self._read(len(buffer))
            except HTTPError:
                self._let_go()
                data = self._read(len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Gives the connection back."""
        self._let_go()
        super().close()

    def _read(self, limit: int) -> bytes:
        if self._response is None:
            self._response = self._client.get_object(self._bucket, self._key, offset=self._position)
        data = bytes(self._response.read(limit))
        if not data:
            raise urllib3.exceptions.ProtocolError(f"{self._key} ended at {self._position} of {self._size} bytes")
        return data

    def _let_go(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None


@contextmanager
def _as_os_errors(name: str) -> Iterator[None]:
    """What the port promises: KeyError for what is not there, OSError for a store that cannot be used.

    One that is away, and may come back, raises ConnectionError.
    """
    try:
        yield
    except S3Error as error:
        if error.code in MISSING:
            raise KeyError(name) from None
        if error.response is not None and error.response.status >= 500:
            raise ConnectionError(f"the object store cannot answer now: {error.code} {error.message}") from error
        raise OSError(f"the object store refused: {error.code} {error.message}; check VOICEHUB_OBJECTS_URL") from error
    except (HTTPError, MinioException) as error:  # the second: what answers is no store, but a proxy before it
        raise ConnectionError(f"the object store does not answer: {error}") from error
