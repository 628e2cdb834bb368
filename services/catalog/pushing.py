"""Pushing a version: checked, written once, and announced, all in one transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from services.catalog import events
from services.catalog.domain.card import check_card
from services.catalog.domain.declaration import declare
from services.catalog.domain.names import check_repository
from services.catalog.domain.road import State
from services.catalog.domain.uploads import Upload, check_uploads
from services.catalog.domain.visibility import require_owner
from services.catalog.messages import from_struct, visibility_from
from services.catalog.store import idempotency, repositories, versions
from services.catalog.store.tables import RepositoryRow, VersionRow
from services.common.clock import now
from services.common.errors import Unprocessable
from services.common.identity import Identity
from services.common.ids import new_id
from services.common.objects import Area, ObjectStore
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

OPERATION = "CreateVersion"
MAX_MESSAGE = 4000


def push(session: Session, objects: ObjectStore, identity: Identity, request: pb.CreateVersionRequest) -> VersionRow:
    """The version that the request makes, or made before under the same idempotency key."""
    account = require_owner(identity, request.owner)  # before any look-up: the answer tells nothing of what is there
    check_repository(request.owner, request.name)
    repository = repositories.find(session, request.owner, request.name)
    earlier = idempotency.made_before(session, account, OPERATION, request.idempotency_key, request)
    if earlier is not None:
        return _version(session, earlier)
    content = _checked_content(objects, request)
    if repository is None:
        visibility = visibility_from(request.visibility_if_new)
        repository = repositories.create(session, request.owner, request.name, visibility)
    row = _new_version(session, repository, account, request, content)
    events.pushed(session, repository, row)
    idempotency.remember(session, account, OPERATION, request.idempotency_key, request, row.id)
    return row


def _version(session: Session, version_id: str) -> VersionRow:
    row = versions.get(session, version_id)
    if row is None:
        raise LookupError(f"the version {version_id} of an idempotency key is gone")
    return row


def _checked_content(objects: ObjectStore, request: pb.CreateVersionRequest) -> dict[str, Any]:
    declaration = declare(request.declaration.source, request.declaration.license, request.declaration.consent)
    uploads = [Upload(f.role, f.filename, f.object.digest, f.object.size) for f in request.files]
    check_uploads(uploads)
    prompts = [upload.filename for upload in uploads if upload.role == "prompt"]
    card = check_card(from_struct(request.card), declaration, prompts)
    if len(request.message) > MAX_MESSAGE:
        raise Unprocessable("The message is too long.", hint=f"Use at most {MAX_MESSAGE} characters.")
    return {
        "uploads": [_stored(objects, index, upload) for index, upload in enumerate(uploads)],
        "card": card,
        "declaration": {
            "source": declaration.source,
            "license": declaration.license,
            "consent": declaration.consent.value,
        },
        "figures": from_struct(request.figures),
    }


def _stored(objects: ObjectStore, index: int, upload: Upload) -> dict[str, Any]:
    try:
        info = objects.info(Area.QUARANTINE, upload.digest)
    except KeyError:
        raise _upload_problem(index, "was not uploaded, or not to its end") from None
    if upload.size not in (0, info.size):
        raise _upload_problem(index, f"has {info.size} bytes, not {upload.size}")
    return {"role": upload.role, "filename": upload.filename, "digest": info.digest, "size": info.size}


def _upload_problem(index: int, sentence: str) -> Unprocessable:
    return Unprocessable(
        "A file of this push is not in the hub.",
        hint="Upload it to its end, then push again.",
        reason="UPLOAD_MISSING",
        fields={f"files[{index}].object": sentence},
    )


def _new_version(
    session: Session,
    repository: RepositoryRow,
    account: str,
    request: pb.CreateVersionRequest,
    content: dict[str, Any],
) -> VersionRow:
    head = repositories.heads(session, [repository.id]).get(repository.id)
    row = VersionRow(
        id=new_id(),
        repository_id=repository.id,
        parents=[head] if head else [],
        author=account,
        message=request.message,
        create_time=now(),
        publish_time=None,
        training_job=request.training_job,
        state=State.PUSHED.value,
        verdict="",
        exported=False,
        behaviour="",
        family="",
        configs={},
        requires={},
        not_auditionable="",
        **content,
    )
    session.add(row)
    session.flush()
    return row
