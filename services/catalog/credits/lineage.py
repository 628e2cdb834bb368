"""Who made a version: the authors of the versions it comes from, as the hub itself has recorded them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog.credits.domain import Payee
from services.catalog.store.tables import VersionRow

DEEPEST = 16
MOST = 256


def lineage_of(session: Session, version: VersionRow) -> list[Payee]:
    """The makers, nearest first, each at the nearest distance; at most `DEEPEST` steps and `MOST` versions back.

    Only parents that the hub has recorded count: what a card claims proves nothing. Steps between versions of one
    author are one step, so that many small versions weigh no more than one.
    """
    nearest = {version.author: 0}
    seen, wave = {version.id}, [(version, 0)]
    for _ in range(DEEPEST):
        wanted = {parent: (row, at) for row, at in wave for parent in row.parents if parent not in seen}
        if not wanted or len(seen) + len(wanted) > MOST:
            break
        seen |= set(wanted)
        parents = session.scalars(select(VersionRow).where(VersionRow.id.in_(wanted)).order_by(VersionRow.sequence))
        wave = []
        for parent in parents:
            child, at = wanted[parent.id]
            distance = at + (parent.author != child.author)
            nearest.setdefault(parent.author, distance)
            wave.append((parent, distance))
    order = sorted(nearest, key=lambda account: (nearest[account], account))
    return [Payee(account, nearest[account]) for account in order]
