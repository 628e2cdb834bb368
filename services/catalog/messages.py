"""From rows to the messages of the contract."""

from __future__ import annotations

from services.catalog.domain.road import State
from services.catalog.domain.visibility import Visibility
from services.catalog.store.hearing import Audible
from services.catalog.store.tables import CommentRow, FileRow, RepositoryRow, SampleRow, VersionRow
from services.catalog.store.versions import Parts
from services.common.clock import to_timestamp
from services.common.errors import Invalid
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.common.v1 import common_pb2

_VISIBILITY = {Visibility.PUBLIC: pb.VISIBILITY_PUBLIC, Visibility.PRIVATE: pb.VISIBILITY_PRIVATE}
_STATE = {
    State.PUSHED: pb.VERSION_STATE_PUSHED,
    State.SCANNED: pb.VERSION_STATE_SCANNED,
    State.QUARANTINED: pb.VERSION_STATE_QUARANTINED,
    State.EXPORTED: pb.VERSION_STATE_EXPORTED,
    State.PUBLISHED: pb.VERSION_STATE_PUBLISHED,
    State.ERASED: pb.VERSION_STATE_ERASED,
}


def visibility_from(value: pb.Visibility.ValueType) -> Visibility:
    """The visibility asked for: public unless said otherwise; Invalid for an unknown number."""
    if value in (pb.VISIBILITY_UNSPECIFIED, pb.VISIBILITY_PUBLIC):
        return Visibility.PUBLIC
    if value == pb.VISIBILITY_PRIVATE:
        return Visibility.PRIVATE
    raise Invalid("The visibility is unknown.", hint="Use public or private.", fields={"visibility": "unknown"})


def object_ref(digest: str, size: int) -> common_pb2.ObjectRef:
    """A reference to an object."""
    return common_pb2.ObjectRef(digest=digest, size=size)


def repository(row: RepositoryRow, head: str, starred: bool) -> pb.Repository:
    """A repository as the caller sees it."""
    return pb.Repository(
        id=row.id,
        owner=row.owner,
        name=row.name,
        visibility=_VISIBILITY[Visibility(row.visibility)],
        create_time=to_timestamp(row.create_time),
        stars=row.stars,
        starred_by_caller=starred,
        comments=row.comments,
        downloads=row.downloads,
        head=head,
        protected=row.protected,
        archived=row.archived,
    )


def brief_version(found: Audible) -> pb.Version:
    """What decides whether a version can be heard."""
    return pb.Version(
        id=found.version_id,
        owner=found.owner,
        name=found.name,
        state=_STATE[State(found.state)],
        not_auditionable=found.not_auditionable,
    )


def version(row: VersionRow, owner: str, name: str, parts: Parts) -> pb.Version:
    """A version with the parts given; what a quarantined version lists is never told, for it is never served."""
    served = Parts(findings=parts.findings) if row.state == State.QUARANTINED else parts
    return pb.Version(
        id=row.id,
        owner=owner,
        name=name,
        parents=row.parents,
        author=row.author,
        message=row.message,
        create_time=to_timestamp(row.create_time),
        state=_STATE[State(row.state)],
        card=to_struct(row.card),
        figures=to_struct(row.figures),
        declaration=common_pb2.Declaration(**row.declaration),
        family=row.family,
        tensors=[
            common_pb2.Tensor(name=t.name, dtype=t.dtype, shape=t.shape, digest=t.digest, size=t.size)
            for t in served.tensors
        ],
        configs=to_struct(row.configs),
        files=[_file(f) for f in served.files],
        bundle=[_file(f) for f in served.bundle],
        samples=[sample(s) for s in served.samples],
        verdict=row.verdict,
        findings=[
            common_pb2.Finding(
                rule=f.rule, place=f.place, severity=f.severity, message_en=f.message_en, message_zh=f.message_zh
            )
            for f in parts.findings
        ],
        not_auditionable=row.not_auditionable,
        requires=row.requires,
        description_zh=str(row.card.get("description_zh", "")),
        description_en=str(row.card.get("description_en", "")),
    )


def sample(row: SampleRow) -> pb.Sample:
    """An audition sample."""
    return pb.Sample(text=row.text, language=row.language, object=object_ref(row.digest, row.size), seconds=row.seconds)


def comment(row: CommentRow) -> pb.Comment:
    """A comment."""
    return pb.Comment(id=row.id, author=row.author, text=row.text, create_time=to_timestamp(row.create_time))


def _file(row: FileRow) -> pb.ExportFile:
    return pb.ExportFile(path=row.path, object=object_ref(row.digest, row.size))
