"""The objects of many versions at once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog.store.tables import FileRow, SampleRow, TensorRow
from services.stubs.voicehub.catalog.v1 import datasets_pb2 as pb


def objects_of(session: Session, versions: Sequence[str], *, tensors: bool) -> dict[str, list[pb.DatasetObject]]:
    """Files, bundle, samples and, if asked for, tensors by version, in their order."""
    found: dict[str, list[pb.DatasetObject]] = {version: [] for version in versions}
    files = select(FileRow).where(FileRow.version_id.in_(versions))
    for file in session.scalars(files.order_by(FileRow.version_id, FileRow.kind.desc(), FileRow.position)):
        found[file.version_id].append(_object(file.kind, file.path, file.digest, file.size))
    samples = select(SampleRow).where(SampleRow.version_id.in_(versions))
    for sample in session.scalars(samples.order_by(SampleRow.version_id, SampleRow.position)):
        path = f"sample-{sample.position + 1}.wav"
        found[sample.version_id].append(_object("sample", path, sample.digest, sample.size))
    if tensors:
        query = select(TensorRow).where(TensorRow.version_id.in_(versions))
        for one in session.scalars(query.order_by(TensorRow.version_id, TensorRow.position)):
            found[one.version_id].append(_object("tensor", one.name, one.digest, one.size))
    return found


def _object(kind: str, path: str, digest: str, size: int) -> pb.DatasetObject:
    return pb.DatasetObject(kind=kind, path=path, digest=digest, size=size)
