"""Pushing a version: checked, written once, and announced, all in one transaction."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from services.catalog import events
from services.catalog.collaboration import forks
from services.catalog.domain.bounds import Terms, check_bounds
from services.catalog.domain.card import check_card
from services.catalog.domain.declaration import declare
from services.catalog.domain.names import check_repository
from services.catalog.domain.refs import MAIN, RefKind, check_ref, is_protected, tag_stays
from services.catalog.domain.road import State
from services.catalog.domain.roles import Role, not_yours, taken_down
from services.catalog.domain.uploads import Upload, check_uploads
from services.catalog.domain.visibility import require_account
from services.catalog.messages import visibility_from
from services.catalog.store import access, history, idempotency, refs, repositories, versions
from services.catalog.store.tables import RefRow, RepositoryRow, UploadRow, VersionRow
from services.common.clock import now
from services.common.errors import Unprocessable
from services.common.identity import Identity
from services.common.ids import new_id
from services.common.objects import Area, ObjectStore
from services.common.structs import from_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

OPERATION = "CreateVersion"
MAX_MESSAGE = 4000


def push(session: Session, objects: ObjectStore, identity: Identity, request: pb.CreateVersionRequest) -> VersionRow:
    """The version that the request makes, or made before under the same idempotency key."""
    account = require_account(identity)
    check_repository(request.owner, request.name)
    repository = _target(session, identity, request)
    earlier = idempotency.made_before(session, account, OPERATION, request.idempotency_key, request)
    if earlier is not None:
        return _version(session, earlier)
    content = _checked_content(objects, request)
    if repository is None:
        visibility = visibility_from(request.visibility_if_new)
        repository = repositories.create(session, request.owner, request.name, visibility)
    branch = check_ref(request.ref or MAIN)
    tip = _tip(session, repository, branch, request.onto)
    row = _new_version(session, repository, account, request, content, branch, [tip] if tip else [])
    refs.put(session, repository, branch, RefKind.BRANCH, account).tip = row.id
    history.adopt(session, repository.id, row.id)
    events.pushed(session, repository, row)
    idempotency.remember(session, account, OPERATION, request.idempotency_key, request, row.id)
    return row


def check(session: Session, identity: Identity, request: pb.CreateVersionRequest) -> None:
    """Refuses what a push of this would be refused for, whatever its files will be."""
    require_account(identity)
    check_repository(request.owner, request.name)
    repository = _target(session, identity, request)
    declaration = declare(request.declaration.source, request.declaration.license, request.declaration.consent)
    check_card(from_struct(request.card), declaration, ())
    if repository is not None:
        tip = _tip(session, repository, check_ref(request.ref or MAIN), request.onto)
        bounds = forks.bounds_of(session, repository, [tip] if tip else [])
        check_bounds(Terms(declaration.license, declaration.consent), bounds)


def merged(
    session: Session,
    objects: ObjectStore,
    repository: RepositoryRow,
    account: str,
    request: pb.CreateVersionRequest,
    sides: list[str],
) -> VersionRow:
    """A version made from two others; it walks the road, and no branch follows it."""
    row = _new_version(session, repository, account, request, _checked_content(objects, request), "", sides)
    events.pushed(session, repository, row)
    return row


def _target(session: Session, identity: Identity, request: pb.CreateVersionRequest) -> RepositoryRow | None:
    """The repository, None for one that is to be made. Who may do neither learns nothing of what is there."""
    repository = repositories.find(session, request.owner, request.name)
    if repository is not None and access.role_of(session, identity, repository):
        access.require(session, identity, repository, Role.WRITE)
        return repository
    if not access.may_create(session, identity, request.owner):
        raise not_yours(request.owner)
    if repository is not None and repository.taken_down:
        raise taken_down(request.owner, request.name)
    return None


def _tip(session: Session, repository: RepositoryRow, branch: str, onto: str) -> str:
    """The version that a push to the branch stands on; empty for the first one.

    A branch that is new stands on `onto`, a version of the repository, or on what `main` has; so does one of the name
    of a branch that was deleted, as on git hosts. What that one had is still read by its ids.
    """
    row = session.get(RefRow, (repository.id, branch))
    if row is None:
        found = versions.resolve(session, repository, onto) if onto else None
        return found.id if found is not None else refs.tip_of(session.get(RefRow, (repository.id, MAIN)))
    if row.kind == RefKind.TAG:
        raise tag_stays(f"{repository.owner}/{repository.name}", branch)
    if row.protection is not None:
        raise is_protected(f"{repository.owner}/{repository.name}", branch)
    if onto:
        refs.check_unmoved(session, repository, branch, row, onto)
    return refs.tip_of(row)


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
    branch: str,
    parents: list[str],
) -> VersionRow:
    bounds = forks.bounds_of(session, repository, parents)
    check_bounds(Terms.of(content["declaration"]), bounds)
    row = VersionRow(
        id=new_id(),
        repository_id=repository.id,
        parents=parents,
        bounds=[bound.stored() for bound in bounds],
        ref=branch,
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
    session.add_all(UploadRow(digest=one, version_id=row.id) for one in sorted({u["digest"] for u in row.uploads}))
    return row
