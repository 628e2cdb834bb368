"""What of a batch can be downloaded: its zip, and the audio of its takes while it goes on."""

from __future__ import annotations

from pathlib import PurePosixPath

from sqlalchemy.orm import Session

from gptsovits.audio.containers import CONTAINERS
from services.common.errors import Conflict, NotFound
from services.inference.batches import takes
from services.inference.domain.batches import Batch, file_name
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb


def resolve(session: Session, batch: Batch, digest: str) -> pb.ResolveBatchObjectResponse:
    """The object of a digest, or with an empty one the zip.

    Raises:
        NotFound: no take of the batch has such audio.
        Conflict: the zip is not made yet.
    """
    return _take(session, batch, digest) if digest else _zip(batch)


def _take(session: Session, batch: Batch, digest: str) -> pb.ResolveBatchObjectResponse:
    take = takes.holds(session, batch.id, digest)
    if take is None:
        raise NotFound("No take of this batch has such audio.", hint="List its takes.")
    return pb.ResolveBatchObjectResponse(
        object=ObjectRef(digest=take.spoken.digest, size=take.spoken.size),
        media_type=CONTAINERS[batch.manner.form].media_type,
        filename=PurePosixPath(file_name(batch, take)).name,
    )


def _zip(batch: Batch) -> pb.ResolveBatchObjectResponse:
    if not batch.zip_digest:
        raise Conflict(
            "The zip is not made yet.",
            hint="Follow the batch's events until it has ended; takes that are done can be had one by one.",
            reason="NOT_PACKED",
        )
    return pb.ResolveBatchObjectResponse(
        object=ObjectRef(digest=batch.zip_digest, size=batch.zip_size),
        media_type="application/zip",
        filename=f"batch-{batch.id}.zip",
    )
