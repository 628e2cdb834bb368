"""From rows to the messages of the collaboration contracts."""

from __future__ import annotations

from services.catalog.domain.refs import RefKind
from services.catalog.store import refs
from services.catalog.store.tables import RefRow
from services.common.clock import to_timestamp
from services.stubs.voicehub.catalog.v1 import refs_pb2

_KINDS = {
    RefKind.BRANCH: refs_pb2.REF_KIND_BRANCH,
    RefKind.TAG: refs_pb2.REF_KIND_TAG,
    RefKind.PULL: refs_pb2.REF_KIND_PULL,
}


def ref(row: RefRow) -> refs_pb2.Ref:
    """A ref."""
    return refs_pb2.Ref(
        name=row.name,
        kind=_KINDS[RefKind(row.kind)],
        version=row.version_id or "",
        tip=refs.tip_of(row),
        protected=row.protection is not None,
        protection=refs_pb2.Protection(**row.protection) if row.protection is not None else None,
        update_time=to_timestamp(row.update_time),
        updater=row.updater,
    )
