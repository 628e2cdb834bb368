"""Resumable uploads: one file per upload in the data folder, moved into quarantine when it is complete.

An offset is answered only after the bytes before it are synced and the row says so; what lies behind the recorded
offset after a crash is written over. The object store's put is idempotent: a crash between
put and record costs only time.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from services.common.clock import now
from services.common.errors import Conflict, Invalid, NotFound
from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.gateway.store.uploads import Upload, UploadRows, no_upload

MOST_BYTES = 4 << 30
MOST_OPEN = 64
EXPIRY = timedelta(days=1)
BLOCK = 256 << 10


@dataclass(frozen=True)
class Part:
    """`size` bytes from `start` of the file with that digest."""

    digest: str
    start: int
    size: int


class Readable(Protocol):
    """What bytes are taken from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes; none at the end."""


class _Limited:
    """The first `size` bytes of a stream."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream, self._left = stream, size

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


class Uploads:
    """Takes in the bytes of uploads. Thread-safe; one request at a time may write to an upload."""

    def __init__(self, rows: UploadRows, objects: ObjectStore, folder: Path) -> None:
        self._rows, self._objects, self._folder = rows, objects, folder
        folder.mkdir(parents=True, exist_ok=True)
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, account: str, filename: str, size: int) -> Upload:
        """A new upload; forgets expired ones on the way."""
        self._expire(now() - EXPIRY)
        return self._rows.create(account, filename, size, MOST_OPEN)

    def get(self, account: str, upload_id: str) -> Upload:
        """Where an upload stands, finished here if a crash came between its last byte and its digest.

        Raises:
            NotFound: there is none of that id.
            Conflict: another request is about to finish it.
        """
        upload = self._there(account, upload_id)
        if upload.digest or upload.offset < upload.size:
            return upload
        with self._alone(upload_id):
            upload = self._there(account, upload_id)  # who was about to finish it may have done so meanwhile
            return upload if upload.digest or upload.offset < upload.size else self._finish(upload)

    def unfinished(self, account: str) -> Sequence[str]:
        """Ids of the uploads of an account that have not all their bytes."""
        return self._rows.unfinished(account)

    def forget(self, upload_ids: Iterable[str]) -> None:
        """Removes what has arrived of unfinished uploads whose account was erased."""
        for upload_id in upload_ids:
            self._path(upload_id).unlink(missing_ok=True)

    def append(self, account: str, upload_id: str, offset: int, body: Readable) -> Upload:
        """Writes the body at `offset`; answers where the upload stands then.

        Raises:
            Conflict: the upload is at another offset, or another request writes to it.
            Invalid: the body is longer than the upload; nothing of the surplus is kept.
        """
        with self._alone(upload_id):
            upload = self._there(account, upload_id)
            if upload.digest and offset == upload.size:
                return upload
            if offset != upload.offset:
                raise Conflict(
                    f"The upload stands at {upload.offset}, not at {offset}.",
                    hint=f"Go on from Upload-Offset {upload.offset}.",
                    reason="OFFSET_MISMATCH",
                )
            try:
                upload = self._write(upload, body)
                return self._finish(upload) if upload.offset == upload.size else upload
            except NotFound:  # forgotten meanwhile
                self.forget([upload_id])
                raise

    def copy(self, account: str, upload_id: str, offset: int, part: Part) -> Upload:
        """As `append`, with bytes of a file that the same account has given before: nobody learns what others gave.

        Raises:
            NotFound: the account has given no such file, or the hub does not keep it any more.
            Invalid: the part lies outside that file.
        """
        if not self._rows.gave(account, part.digest):
            raise _unknown()
        try:
            if part.start + part.size > self._objects.info(Area.QUARANTINE, part.digest).size:
                raise Invalid("The part lies outside the earlier file.", hint="Look at its size.")
            source = self._objects.open(Area.QUARANTINE, part.digest, part.start)
        except KeyError:
            raise _unknown() from None
        with source:
            return self.append(account, upload_id, offset, _Limited(source, part.size))

    def _there(self, account: str, upload_id: str) -> Upload:
        """The upload as its bytes are: a hub that was restored has rows of uploads, but not what had arrived."""
        upload = self._rows.get(account, upload_id)
        size = _size(self._path(upload_id))
        if upload.digest or size >= upload.offset:
            return upload
        again = self._rows.get(account, upload_id)  # finished meanwhile, it needs no file
        return again if again != upload else self._rows.advance(upload, size)

    def _expire(self, before: datetime) -> None:
        """Forgets old uploads, and files that a crash has left of forgotten ones."""
        self.forget(self._rows.expire(before))
        for path in self._folder.iterdir():
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()

    def _write(self, upload: Upload, body: Readable) -> Upload:
        descriptor = os.open(self._path(upload.id), os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.seek(upload.offset)
            try:
                _copy(body, file, upload.size - upload.offset)
            finally:  # a torn connection keeps what arrived: that is what resuming is for
                file.flush()
                os.fsync(file.fileno())
                upload = self._rows.advance(upload, file.tell())
        return upload

    def _finish(self, upload: Upload) -> Upload:
        path = self._path(upload.id)
        try:
            with path.open("rb") as file:
                info = self._objects.put(Area.QUARANTINE, chunks_of(file))
        except FileNotFoundError:
            raise no_upload() from None
        done = self._rows.complete(upload, info.digest)
        path.unlink(missing_ok=True)
        return done

    @contextmanager
    def _alone(self, upload_id: str) -> Iterator[None]:
        with self._lock:
            if upload_id in self._busy:
                raise Conflict(
                    "Another request writes to this upload.",
                    hint="Wait until it has ended, then go on.",
                    reason="UPLOAD_BUSY",
                )
            self._busy.add(upload_id)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(upload_id)

    def _path(self, upload_id: str) -> Path:
        return self._folder / upload_id


def _size(path: Path) -> int:
    """Of an opened file: a shared volume then says what another process has written."""
    try:
        with path.open("rb") as file:
            return os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        return 0


def _copy(body: Readable, file: BinaryIO, room: int) -> None:
    """Copies at most `room` bytes; Invalid if there are more."""
    while block := body.read(min(BLOCK, room + 1)):
        if len(block) > room:
            raise Invalid(
                "The body is longer than the upload was announced to be.",
                hint="Begin a new upload with the right size.",
                reason="UPLOAD_TOO_LONG",
            )
        file.write(block)
        room -= len(block)


def _unknown() -> NotFound:
    return NotFound("You have given no such file.", hint="Send the bytes.", reason="NOT_GIVEN")
