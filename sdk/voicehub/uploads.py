"""Resumable uploads: a file travels in pieces, goes on where it stopped, and leaves out what the hub had before."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

from blake3 import blake3

from voicehub import given
from voicehub.decoding import decode
from voicehub.errors import Conflict, DigestMismatch, NotFound, Refused, Unreadable
from voicehub.home import home, write_private
from voicehub.models import Upload
from voicehub.parallel import Stop, run_all
from voicehub.transport import Transport

PIECE_BYTES = 4 << 20
PARALLEL = 4
MOST_WAITS = 12
"""How often another request to the same upload is waited for, about 15 s each, while no byte comes of it."""
OnBytes = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


def ignore_progress(_done: int, _total: int) -> None:
    """Shows nothing."""


def upload_file(transport: Transport, path: Path, on_bytes: OnBytes = ignore_progress) -> Upload:
    """Sends a file to the quarantine of the hub and checks the digest the hub computed.

    Raises:
        Unreadable: the file cannot be read or is empty.
        DigestMismatch: the hub received other bytes.
        Conflict: another process sends the same file and does not get on.
    """
    source = _Source.open(path)
    note = home() / "uploads" / f"{source.key(transport.url)}.json"
    upload = _resumed(transport, note) or _begin(transport, source)
    write_private(note, json.dumps({"id": upload.id}))
    on_bytes(upload.offset, source.size)
    parts = given.parts_of(path)
    upload = _sent(transport, source, upload, given.copies(transport.url, parts), on_bytes)
    note.unlink(missing_ok=True)
    if upload.digest and upload.digest != source.digest():
        raise DigestMismatch(f"{path.name} changed on its way to the hub.", hint="Send it again.")
    given.remember(transport.url, upload.digest, parts)
    return upload


def upload_all(transport: Transport, paths: Sequence[Path], on_bytes: OnBytes = ignore_progress) -> list[Upload]:
    """Several files at once, in their order; the progress is that of all together. Errors as `upload_file`."""
    lock, stop, done = Lock(), Stop(), dict.fromkeys(range(len(paths)), 0)
    total = sum(path.stat().st_size for path in paths if path.is_file())

    def send(index: int) -> Upload:
        def moved(sent: int, _: int) -> None:
            stop.check()
            with lock:
                done[index] = sent
                on_bytes(sum(done.values()), total)

        return upload_file(transport, paths[index], moved)

    return run_all([partial(send, index) for index in range(len(paths))], stop, PARALLEL)


@dataclass(frozen=True)
class _Source:
    path: Path
    size: int
    modified: int

    @classmethod
    def open(cls, path: Path) -> _Source:
        try:
            status = path.stat()
        except OSError as error:
            raise Unreadable(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error
        if not path.is_file() or status.st_size == 0:
            raise Unreadable(f"{path} is empty or no file.", hint="Name a file with content.")
        return cls(path, status.st_size, status.st_mtime_ns)

    def key(self, url: str) -> str:
        text = f"{url}|{self.path.resolve()}|{self.size}|{self.modified}"
        return blake3(text.encode()).hexdigest()[:32]

    def piece(self, offset: int, size: int) -> bytes:
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def digest(self) -> str:
        return file_digest(self.path)


def file_digest(path: Path) -> str:
    """BLAKE3-256 of a file, in hex."""
    hasher = blake3()
    hasher.update_mmap(path)
    return hasher.hexdigest()


def _begin(transport: Transport, source: _Source) -> Upload:
    body = {"filename": source.path.name, "size": source.size}
    return decode(Upload, transport.json("POST", "/v1/uploads", body=body))


def _resumed(transport: Transport, note: Path) -> Upload | None:
    try:
        identifier = str(json.loads(note.read_text(encoding="utf-8"))["id"])
        return decode(Upload, transport.json("GET", f"/v1/uploads/{identifier}"))
    except (OSError, ValueError, KeyError, NotFound, Conflict):
        return None


def _sent(transport: Transport, source: _Source, upload: Upload, known: list[given.Copy], on_bytes: OnBytes) -> Upload:
    """The upload with all bytes, some of which another process may send: two pushes share a file that both have."""
    waits = 0
    while upload.offset < source.size:
        before, upload = upload.offset, _advance(transport, source, upload, known)
        waits = waits + 1 if upload.offset == before else 0
        if waits > MOST_WAITS:
            raise Conflict(
                f"Another process has been sending {source.path.name} and does not get on.",
                hint="End the other push, then push again: what has arrived is kept.",
            )
        on_bytes(upload.offset, source.size)
    return upload


def _advance(transport: Transport, source: _Source, upload: Upload, known: list[given.Copy]) -> Upload:
    """The next bytes: copied where the hub has them from this account, else sent."""
    at = upload.offset
    here = next((copy for copy in known if copy.offset <= at < copy.offset + copy.size), None)
    if here is not None:
        skipped = at - here.offset
        part = {"offset": at, "digest": here.digest, "start": here.start + skipped, "size": here.size - skipped}
        try:
            return _standing(transport.json("POST", f"/v1/uploads/{upload.id}/copies", body=part), upload, source)
        except Conflict:  # a copy whose answer got lost, or somebody else's
            return _asked(transport, upload)
        except (NotFound, Refused):  # an older hub, or one that has tidied up
            given.forget(transport.url, here.digest)
            known[:] = [copy for copy in known if copy.digest != here.digest]
    until = min((copy.offset for copy in known if copy.offset > at), default=source.size)
    return _send_piece(transport, source, upload, min(PIECE_BYTES, until - at))


def _asked(transport: Transport, upload: Upload) -> Upload:
    """How far the hub is; no further, as far as we know, while another process has it put the file away."""
    try:
        return decode(Upload, transport.json("GET", f"/v1/uploads/{upload.id}"))
    except Conflict:
        return upload


def _standing(answer: dict[str, object], upload: Upload, source: _Source) -> Upload:
    return decode(Upload, {"id": upload.id, "filename": upload.filename, "size": source.size} | answer)


def _send_piece(transport: Transport, source: _Source, upload: Upload, size: int) -> Upload:
    headers = {"Upload-Offset": str(upload.offset), "Content-Type": "application/octet-stream"}
    try:
        answer = transport.json(
            "PATCH", f"/v1/uploads/{upload.id}", content=source.piece(upload.offset, size), headers=headers
        )
    except Conflict:  # a piece arrived whose answer got lost, or another process sends the same file
        return _asked(transport, upload)
    return _standing(answer, upload, source)
