"""What goes into a merge and what comes out of it: objects of the store as files, files as uploads of a new version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.common.structs import from_struct, to_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2
from services.stubs.voicehub.common.v1 import common_pb2
from services.trainer.merging.domain import Merge
from services.trainer.merging.worker import FILES

KEPT_FIGURES = ("speaker_embedding",)
"""What was measured of the speaker's recordings, and holds for every voice made from them."""


def told(version: catalog_pb2.Version) -> Mapping[str, Any]:
    """A version as the worker reads it."""
    lexicons = [file.object.digest for file in version.files if _is_lexicon(file)]
    return {
        "tensors": [
            {"name": t.name, "dtype": t.dtype, "shape": list(t.shape), "digest": t.digest} for t in version.tensors
        ],
        "configs": from_struct(version.configs),
        "requires": dict(version.requires),
        "family": version.family,
        "lexicon": next(iter(lexicons), ""),
    }


def bring(objects: ObjectStore, versions: Iterable[catalog_pb2.Version], place: Path) -> None:
    """Tensors and lexicons as files named by digest; KeyError for an object that is gone."""
    place.mkdir()
    listed = list(versions)
    wanted = {tensor.digest for version in listed for tensor in version.tensors}
    wanted |= {file.object.digest for version in listed for file in version.files if _is_lexicon(file)}
    for digest in sorted(wanted):
        with objects.open(Area.SERVED, digest) as source, (place / digest).open("wb") as target:
            for chunk in chunks_of(source):
                target.write(chunk)


def result(
    objects: ObjectStore, merge: Merge, ours: catalog_pb2.Version, made: Path
) -> catalog_pb2.CreateVersionRequest:
    """The version that is asked for: the merged weights and lexicon in `made`, card and prompts of ours."""
    files = [
        common_pb2.UploadedFile(role=role, filename=name, object=_put(objects, made / name))
        for role, name in FILES.items()
        if (made / name).is_file()
    ]
    files += [_prompt(objects, file) for file in ours.files if not _is_lexicon(file)]
    card = {key: value for key, value in from_struct(ours.card).items() if key != "measured"}
    figures = {key: value for key, value in from_struct(ours.figures).items() if key in KEPT_FIGURES}
    return catalog_pb2.CreateVersionRequest(
        message=f"Merge of pull request {merge.number}",
        card=to_struct(card),
        figures=to_struct(figures),
        files=files,
    )


def _put(objects: ObjectStore, path: Path) -> common_pb2.ObjectRef:
    with path.open("rb") as stream:
        info = objects.put(Area.QUARANTINE, chunks_of(stream))
    return common_pb2.ObjectRef(digest=info.digest, size=info.size)


def _prompt(objects: ObjectStore, file: catalog_pb2.ExportFile) -> common_pb2.UploadedFile:
    with objects.open(Area.SERVED, file.object.digest) as stream:
        info = objects.put(Area.QUARANTINE, chunks_of(stream))
    held = common_pb2.ObjectRef(digest=info.digest, size=info.size)
    return common_pb2.UploadedFile(role="prompt", filename=PurePosixPath(file.path).name, object=held)


def _is_lexicon(file: catalog_pb2.ExportFile) -> bool:
    return file.path.startswith("lexicon")
