"""Deltas: queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.catalog import collecting
from services.catalog.domain.road import DOWNLOADABLE, State
from services.catalog.store import repositories, versions
from services.catalog.store.tables import TensorRow, VersionRow
from services.catalog.transfer.chains import DEPTH, Step
from services.catalog.transfer.tables import DeltaRow
from services.common.identity import Identity
from services.common.objects import Area


def tensors_of(session: Session, version_id: str) -> Sequence[TensorRow]:
    """The tensors of a version."""
    query = select(TensorRow).where(TensorRow.version_id == version_id)
    return session.scalars(query.order_by(TensorRow.position)).all()


def keep(session: Session, version_id: str, parent_id: str, steps: Iterable[Step]) -> None:
    """Notes the deltas of a version, instead of those noted before; of none where one side was let go of meanwhile."""
    session.execute(delete(DeltaRow).where(DeltaRow.version_id == version_id))
    gone = VersionRow.id.in_([version_id, parent_id]) & VersionRow.free_time.is_not(None)
    if session.scalars(select(VersionRow.id).where(gone).limit(1)).one_or_none() is not None:
        for digest in {step.digest for step in steps}:
            collecting.release(session, Area.SERVED, digest)
        return
    session.add_all(
        DeltaRow(
            version_id=version_id, result=step.result, parent_id=parent_id, base=step.base, digest=step.digest,
            size=step.size,
        )
        for step in steps
    )  # fmt: skip


def generations(session: Session, identity: Identity, version: VersionRow, have: str) -> list[dict[str, Step]] | None:
    """The steps of each generation from `version` back to `have`, newest first.

    None where `have` is not among the nearest generations, or the caller may not read it.
    """
    found: list[dict[str, Step]] = []
    at: str = version.id
    while at != have:
        rows = session.scalars(select(DeltaRow).where(DeltaRow.version_id == at)).all()
        if not rows or len(found) == DEPTH:
            return None
        found.append({row.result: Step(row.base, row.result, row.digest, row.size) for row in rows})
        at = rows[0].parent_id
    return found if _may_have(session, identity, have) else None


def _may_have(session: Session, identity: Identity, version_id: str) -> bool:
    row = versions.get(session, version_id)
    if row is None or State(row.state) not in DOWNLOADABLE:
        return False
    return row.repository_id in repositories.readable_ids(session, identity, [row.repository_id])
