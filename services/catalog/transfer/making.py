"""Making the deltas of a published version, beside the road: nobody waits for them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import partial

from gptsovits.formats.delta import encode, supports, worth
from services.catalog.domain.road import DOWNLOADABLE, State
from services.catalog.store import versions
from services.catalog.store.tables import TensorRow
from services.catalog.transfer import store
from services.catalog.transfer.chains import Step
from services.common.database import Database
from services.common.events import Event
from services.common.objects import Area, ObjectStore
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionPublished

log = logging.getLogger(__name__)


def subscription(database: Database, objects: ObjectStore) -> Subscription:
    """Deltas are made when a version is published."""
    kind = ("versions", VersionPublished.DESCRIPTOR.full_name)
    return Subscription("catalog-deltas", {kind: partial(prepare, database, objects)})


def prepare(database: Database, objects: ObjectStore, event: Event) -> Effect | None:
    """Makes the delta objects of a version from its first parent; the effect notes them."""
    version_id = VersionPublished.FromString(event.data).version_id
    with database.read() as session:
        version = versions.get(session, version_id)
        parent_id = str(version.parents[0]) if version is not None and version.parents else ""
        parent = versions.get(session, parent_id) if parent_id else None
        if parent is None or State(parent.state) not in DOWNLOADABLE:
            return None
        old, new = store.tensors_of(session, parent_id), store.tensors_of(session, version_id)
    steps = list(_steps(objects, old, new))
    log.info("deltas", extra={"version": version_id, "count": len(steps), "bytes": sum(s.size for s in steps)})
    return partial(store.keep, version_id=version_id, parent_id=parent_id, steps=steps) if steps else None


def _steps(objects: ObjectStore, old: Sequence[TensorRow], new: Sequence[TensorRow]) -> Iterator[Step]:
    before = {row.name: row for row in old}
    had, done = {row.digest for row in old}, set[str]()
    for row in new:
        base = before.get(row.name)
        alike = base is not None and (base.dtype, base.shape) == (row.dtype, row.shape) and supports(row.dtype)
        if base is None or not alike or row.digest in had | done:
            continue
        done.add(row.digest)
        delta = encode(_read(objects, base.digest), _read(objects, row.digest), row.dtype, row.shape)
        if worth(len(delta), row.size):
            info = objects.put(Area.SERVED, [delta])
            yield Step(base.digest, row.digest, info.digest, info.size)


def _read(objects: ObjectStore, digest: str) -> bytes:
    with objects.open(Area.SERVED, digest) as file:
        return file.read()
