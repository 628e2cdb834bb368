"""Versions and their parts: queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.catalog.domain.names import is_version_id
from services.catalog.domain.refs import MAIN
from services.catalog.paging import Page
from services.catalog.store.tables import (
    FileRow,
    FindingRow,
    HistoryRow,
    RefRow,
    RepositoryRow,
    SampleRow,
    TensorRow,
    VersionRow,
)
from services.common.errors import NotFound

Part = TypeVar("Part", TensorRow, FileRow, SampleRow, FindingRow)
FILE, BUNDLE = "file", "bundle"


@dataclass(frozen=True)
class Parts:
    """Everything that hangs on a version, in order."""

    tensors: Sequence[TensorRow] = ()
    files: Sequence[FileRow] = ()
    bundle: Sequence[FileRow] = ()
    samples: Sequence[SampleRow] = ()
    findings: Sequence[FindingRow] = ()


@dataclass(frozen=True)
class ServedObject:
    """An object that a version lists: digest, size in bytes, the name to save it under, whether it is an audition."""

    digest: str
    size: int
    filename: str
    sample: bool = False


def get(session: Session, version_id: str) -> VersionRow | None:
    """The version, whoever asks."""
    return session.scalars(select(VersionRow).where(VersionRow.id == version_id)).one_or_none()


def resolve(session: Session, repository: RepositoryRow, ref: str) -> VersionRow:
    """The version that `ref` (ref name or version id) names; empty: `main`, else the newest. NotFound if none."""
    query = _held(repository)
    if is_version_id(ref):
        query = query.where(VersionRow.id == ref)
    else:
        named = session.get(RefRow, (repository.id, ref or MAIN))
        if named is not None and named.version_id is not None:
            query = query.where(VersionRow.id == named.version_id)
        elif ref:
            raise _missing_version(repository, ref)
        else:
            query = query.where(HistoryRow.pull == 0)
    row = session.scalars(query.order_by(HistoryRow.sequence.desc()).limit(1)).one_or_none()
    if row is None:
        raise _missing_version(repository, ref or MAIN)
    return row


def page_of(session: Session, repository: RepositoryRow, page: Page) -> Sequence[VersionRow]:
    """Up to `page.size + 1` versions, newest first; without those of pull requests that are not merged."""
    query = _held(repository).where(HistoryRow.sequence < page.before, HistoryRow.pull == 0)
    return session.scalars(query.order_by(HistoryRow.sequence.desc()).limit(page.size + 1)).all()


def parts_of(session: Session, version_id: str) -> Parts:
    """All parts of a version."""
    files = _ordered(session, FileRow, FileRow.version_id == version_id, FileRow.position)
    return Parts(
        tensors=_ordered(session, TensorRow, TensorRow.version_id == version_id, TensorRow.position),
        files=[row for row in files if row.kind == FILE],
        bundle=[row for row in files if row.kind == BUNDLE],
        samples=samples_of(session, version_id),
        findings=session.scalars(
            select(FindingRow)
            .where(FindingRow.version_id == version_id)
            .order_by(FindingRow.stage.desc(), FindingRow.position)
        ).all(),
    )


def has_bundle(session: Session, version_id: str) -> bool:
    """Whether the version has an ONNX bundle."""
    query = select(FileRow).where(FileRow.version_id == version_id, FileRow.kind == BUNDLE).limit(1)
    return session.scalars(query).first() is not None


def samples_alone(session: Session, version_id: str, digests: Iterable[str]) -> list[str]:
    """Those of the digests that are no samples of another version."""
    wanted = set(digests)
    others = select(SampleRow.digest).where(SampleRow.digest.in_(wanted), SampleRow.version_id != version_id)
    return sorted(wanted - set(session.scalars(others)))


def samples_of(session: Session, version_id: str) -> Sequence[SampleRow]:
    """The audition samples of a version."""
    return _ordered(session, SampleRow, SampleRow.version_id == version_id, SampleRow.position)


def served_object(session: Session, version_id: str, digest: str) -> ServedObject | None:
    """The object if the version lists it: tensor, file, bundle file or sample."""
    file = session.scalars(
        select(FileRow).where(FileRow.version_id == version_id, FileRow.digest == digest).limit(1)
    ).one_or_none()
    if file is not None:
        return ServedObject(file.digest, file.size, file.path.rsplit("/", 1)[-1])
    tensor = session.scalars(
        select(TensorRow).where(TensorRow.version_id == version_id, TensorRow.digest == digest).limit(1)
    ).one_or_none()
    if tensor is not None:
        return ServedObject(tensor.digest, tensor.size, tensor.name.replace("/", "_") + ".bin")
    for sample in samples_of(session, version_id):
        if sample.digest == digest:
            return ServedObject(sample.digest, sample.size, f"sample-{sample.position + 1}.wav", sample=True)
    return None


def replace(session: Session, kind: type[Part], keys: ColumnElement[bool], rows: Sequence[Part]) -> None:
    """Writes the parts of one kind anew, so that a repeated event leaves the same rows."""
    for old in session.scalars(select(kind).where(keys)):
        session.delete(old)
    session.flush()
    session.add_all(rows)


def _held(repository: RepositoryRow) -> Select[VersionRow]:
    joined = select(VersionRow).join(HistoryRow, HistoryRow.sequence == VersionRow.sequence)
    return joined.where(HistoryRow.repository_id == repository.id)


def _ordered(
    session: Session, kind: type[Part], keys: ColumnElement[bool], position: InstrumentedAttribute[int]
) -> Sequence[Part]:
    return session.scalars(select(kind).where(keys).order_by(position)).all()


def _missing_version(repository: RepositoryRow, ref: str) -> NotFound:
    return NotFound(
        f"{repository.owner}/{repository.name} has no version {ref[:64]!r}.",
        hint="`main` appears with the first published version. See what there is: "
        f"voicehub refs {repository.owner}/{repository.name}.",
        reason="VERSION_NOT_FOUND",
    )
