"""Where uploads stand. The bytes are in `services.gateway.uploads`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.orm import Session

from services.common.clock import now
from services.common.database import Database
from services.common.errors import NotFound, TooMany
from services.common.ids import new_id
from services.gateway.store import audit, erasing
from services.gateway.store.tables import uploads


@dataclass(frozen=True)
class Upload:
    """A file on its way in.

    Attributes:
        size: bytes it will have.
        offset: bytes that are durable here.
        digest: BLAKE3-256 of the whole, empty until it is complete.
    """

    id: str
    account: str
    filename: str
    size: int
    offset: int = 0
    digest: str = ""


class UploadRows:
    """Queries over uploads; every one of them is bound to the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, account: str, filename: str, size: int, most_open: int) -> Upload:
        """A new upload at offset 0; TooMany if the account has `most_open` unfinished ones."""
        upload = Upload(new_id(), account, filename, size)
        unfinished = select(func.count()).where(uploads.c.account == account, uploads.c.digest == "")
        with self._database.write() as session:
            if session.execute(unfinished).scalar_one() >= most_open:
                raise TooMany(
                    f"You have {most_open} unfinished uploads.", hint="Finish one of them, or wait a day: they expire."
                )
            values = {"id": upload.id, "account": account, "filename": filename, "size": size}
            session.execute(insert(uploads).values(values | {"offset": 0, "digest": "", "create_time": now()}))
        return upload

    def get(self, account: str, upload_id: str) -> Upload:
        """The upload of that id; NotFound if it does not exist or belongs to somebody else."""
        query = select(uploads).where(uploads.c.id == upload_id, uploads.c.account == account)
        with self._database.read() as session:
            row = session.execute(query).one_or_none()
        if row is None:
            raise no_upload()
        return _upload(row)

    def gave(self, account: str, digest: str) -> bool:
        """Whether the account itself has sent a whole file of that digest."""
        query = select(uploads.c.id).where(uploads.c.account == account, uploads.c.digest == digest).limit(1)
        with self._database.read() as session:
            return bool(digest) and session.execute(query).first() is not None

    def advance(self, upload: Upload, offset: int) -> Upload:
        """Records that bytes up to `offset` are durable; NotFound if the upload was forgotten meanwhile."""
        with self._database.write() as session:
            if not _change(session, upload, offset=offset):
                raise no_upload()
        return replace(upload, offset=offset)

    def complete(self, upload: Upload, digest: str) -> Upload:
        """Records the digest of the whole.

        Raises:
            NotFound: the upload was forgotten meanwhile; if its account was erased, the file is to be removed.
        """
        with self._database.write() as session:
            there = _change(session, upload, offset=upload.size, digest=digest)
            if there:
                audit.record(session, upload.account, "upload.complete", f"uploads/{upload.id} blake3:{digest}")
            else:
                erasing.forget_late(session, upload.account, digest)
        if not there:
            raise no_upload()
        return replace(upload, offset=upload.size, digest=digest)

    def unfinished(self, account: str) -> Sequence[str]:
        """Ids of uploads of an account whose bytes are not all there."""
        query = select(uploads.c.id).where(uploads.c.account == account, uploads.c.digest == "")
        with self._database.read() as session:
            return list(session.scalars(query))

    def expire(self, before: datetime) -> Sequence[str]:
        """Forgets unfinished uploads that began before that moment; answers their ids."""
        old = (uploads.c.digest == "", uploads.c.create_time < before)
        with self._database.read() as session:
            if session.execute(select(uploads.c.id).where(*old).limit(1)).first() is None:
                return []
        with self._database.write() as session:
            return list(session.execute(delete(uploads).where(*old).returning(uploads.c.id)).scalars())


def no_upload() -> NotFound:
    """There is no such upload, or none any more."""
    return NotFound("This upload does not exist.", hint="Begin a new one with POST /v1/uploads.")


def _change(session: Session, upload: Upload, **values: object) -> bool:
    """Whether there was such an unfinished upload to change."""
    wanted = update(uploads).where(uploads.c.id == upload.id, uploads.c.digest == "").values(**values)
    return session.execute(wanted.returning(uploads.c.id)).first() is not None


def _upload(row: Row[tuple[object, ...]]) -> Upload:
    return Upload(row.id, row.account, row.filename, row.size, row.offset, row.digest)
