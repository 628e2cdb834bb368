"""What trainings in a cluster leave in the object store and nobody needs any more: it is private, and much.

Checkpoints of what still may go on are needed, but only the last two: a status is told of a new one a moment after it
was stored, so an attempt that begins just then asks for the one before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from services.common.database import Database
from services.common.objects import ObjectStore
from services.trainer import cluster_store
from services.trainer.archives import AREA
from services.trainer.cluster_store import Kind, Stored
from services.trainer.domain.jobs import State

CHECKPOINTS = 2


def remove(database: Database, objects: ObjectStore) -> int:
    """Removes it; how many rows that were. Dying in between leaves a row whose object is gone: it is removed again."""
    with database.read() as session:
        there = cluster_store.objects(session)
    gone = superfluous(there)
    if not gone:
        return 0
    needed = {one.digest for one in set(there).difference(gone)}
    for digest in {one.digest for one in gone} - needed:
        objects.delete(AREA, digest)
    with database.write() as session:
        cluster_store.drop_objects(session, gone)
    return len(gone)


def superfluous(there: Sequence[Stored]) -> list[Stored]:
    """All of a job that has succeeded or that is erased; of others the older checkpoints."""
    of_jobs: dict[str, list[Stored]] = defaultdict(list)
    for one in there:
        of_jobs[one.job_id].append(one)
    gone: list[Stored] = []
    for stored in of_jobs.values():
        if stored[0].state in (None, State.SUCCEEDED):
            gone += stored
        else:
            gone += [one for one in stored if one.kind is Kind.CHECKPOINT][:-CHECKPOINTS]
    return gone
