"""Erasing a version: what it is made of goes, from everywhere; its place in the graph stays, as a tombstone.

From the commit on nobody is given a byte of it, under whatever name. The bytes themselves go as all garbage does, as
soon as they are a day old and no other version has them (`collecting`): what was put a moment ago may be somebody
else's whose version is still on its way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from sqlalchemy import delete
from sqlalchemy.orm import Session

from services.catalog import collecting
from services.catalog.collaboration import settling
from services.catalog.community import moderation, notices
from services.catalog.community.notices import Happened
from services.catalog.domain.names import is_version_id
from services.catalog.domain.road import State
from services.catalog.domain.roles import Role
from services.catalog.store import access, refs, repositories, versions
from services.catalog.store.pull_tables import EvaluationRow
from services.catalog.store.refs import Fallen
from services.catalog.store.tables import FindingRow, LikenessRow, RepositoryRow, VersionRow
from services.common.errors import Forbidden, Invalid, Unprocessable
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

SAID = (FindingRow, EvaluationRow, LikenessRow)
"""What was found out about a version."""
WHY = "This version was erased by its maker."


def erase(session: Session, identity: Identity, request: pb.EraseVersionRequest) -> tuple[VersionRow, list[Fallen]]:
    """The tombstone and the refs that lost it; what is erased already stays as it is.

    Forks lose it, too: it is its maker's to take away.
    """
    repository = repositories.readable(session, identity, request.owner, request.name)
    account = access.require(session, identity, repository, Role.ADMIN, archived_too=True)
    if not is_version_id(request.version):
        raise Invalid("A version is erased by its id.", hint="Look it up: voicehub log OWNER/NAME.")
    row = versions.resolve(session, repository, request.version)
    _check(row, repository)
    if row.state == State.ERASED:
        return row, []
    return row, wipe(session, row, account)


def wipe(session: Session, row: VersionRow, account: str) -> list[Fallen]:
    """Nothing is left of a version but its tombstone, wherever it stands on its road; answers the refs that lost it.

    Who owns or watches what they are in is told, but not `account`, who did it.
    """
    fallen = refs.withdraw(session, row)
    row.state, row.not_auditionable = State.ERASED.value, WHY
    session.flush()
    settling.erased(session, row, fallen)
    notices.forget_text(session, notices.of_version(row.id))
    moderation.forget_version(session, row)
    row.message, row.training_job, row.verdict, row.family = "", "", "", ""
    row.card, row.figures, row.configs, row.requires = {}, {}, {}, {}
    row.declaration = {**row.declaration, "source": "erased"}
    for table in SAID:
        session.execute(delete(table).where(table.version_id == row.id))
    collecting.free(session, row)
    collecting.free_samples(session, row)
    for repository_id in dict.fromkeys([row.repository_id, *(one.repository_id for one in fallen)]):
        repositories.mark_stale(session, repository_id)
    _tell(session, row, fallen, account)
    return fallen


def shown(session: Session, identity: Identity, fallen: Sequence[Fallen]) -> list[pb.FallenRef]:
    """Those of the refs that the caller may see: private forks of others are not told of."""
    places = repositories.readable_ids(session, identity, [one.repository_id for one in fallen])
    return [
        pb.FallenRef(owner=at.owner, name=at.name, ref=one.ref, version=one.version, deleted=one.deleted)
        for one in fallen
        if (at := places.get(one.repository_id)) is not None
    ]


def _tell(session: Session, row: VersionRow, fallen: Sequence[Fallen], account: str) -> None:
    for repository_id, refs_there in groupby(fallen, lambda one: one.repository_id):
        text = f"{row.id} was erased by its maker: {', '.join(map(_said, refs_there))}."
        happened = Happened("version-erased", f"erased:{row.id}:{repository_id}", row.id, text, account)
        notices.tell(session, repositories.by_id(session, repository_id), happened)


def _said(one: Fallen) -> str:
    if one.deleted:
        return f"the tag {one.ref} is gone"
    return f"{one.ref} is {one.version} now" if one.version else f"{one.ref} names nothing any more"


def _check(row: VersionRow, repository: RepositoryRow) -> None:
    if row.repository_id != repository.id:
        raise Forbidden(
            "This version was made in another repository.", hint="Its maker erases it; delete your fork instead."
        )
    if row.state not in (State.PUBLISHED, State.QUARANTINED, State.ERASED):
        raise Unprocessable(
            f"The version is {row.state}, still on its road.",
            hint="Erase it when it is published or refused.",
            reason="STILL_ON_ITS_ROAD",
        )
