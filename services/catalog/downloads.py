"""Which bytes a caller may have: only what a scanned version lists, and nothing of a quarantined one."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass

from sqlalchemy.orm import Session

from services.catalog import people
from services.catalog.domain.road import DOWNLOADABLE, State
from services.catalog.messages import object_ref
from services.catalog.store import repositories, versions
from services.common.errors import NotFound
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

_HINTS = {
    State.PUSHED: "The version is still being scanned; try again in a few seconds.",
    State.QUARANTINED: "The version is in quarantine; its report says why, and nothing of it is served.",
}
_MEDIA_TYPES = {".flac": "audio/flac", ".wav": "audio/wav", ".yaml": "application/yaml", ".json": "application/json"}
_OTHER = "application/octet-stream"


@dataclass(frozen=True)
class Download:
    """An answer, and whether it is to be counted as a pull."""

    response: pb.ResolveDownloadResponse
    repository_id: str
    version_id: str
    counts: bool


def resolve(session: Session, identity: Identity, request: pb.ResolveDownloadRequest) -> Download:
    """The object as part of the version; NotFound when the version does not list it or may not serve it."""
    repository = repositories.readable(session, identity, request.owner, request.name)
    version = versions.resolve(session, repository, request.version)
    state = State(version.state)
    found = versions.served_object(session, version.id, request.digest) if state in DOWNLOADABLE else None
    if found is None:
        hint = _HINTS.get(state, "Take the digests from the version's manifest.")
        raise NotFound("This version serves no such object.", hint=hint, reason="OBJECT_NOT_FOUND")
    return Download(
        pb.ResolveDownloadResponse(
            object=object_ref(found.digest, found.size),
            media_type=media_type(found.filename),
            filename=found.filename,
        ),
        repository.id,
        version.id,
        counts=not found.sample and people.pull_is_new(session, identity, version.id),
    )


def media_type(filename: str) -> str:
    """The media type that a file name promises; only audio and plain data formats, everything else is bytes."""
    suffix = "." + filename.rsplit(".", 1)[-1].lower()
    guessed = _MEDIA_TYPES.get(suffix) or mimetypes.guess_type(filename)[0] or _OTHER
    return guessed if guessed.startswith("audio/") or guessed in _MEDIA_TYPES.values() else _OTHER
