"""Between our values and the messages of the contracts."""

from __future__ import annotations

from collections.abc import Iterable

from services.inference.domain.voices import StoredFile
from services.inference.exporter import Export
from services.inference.registry import RegisteredBase
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2

DEFAULT_FAMILY = "nano"


def files(stored: Iterable[StoredFile]) -> list[inference_pb2.BundleFile]:
    """Files as messages."""
    return [
        inference_pb2.BundleFile(path=f.path, object=common_pb2.ObjectRef(digest=f.digest, size=f.size)) for f in stored
    ]


def export_completed(export: Export) -> inference_pb2.ExportCompleted:
    """The event of an export."""
    voice = export.voice
    return inference_pb2.ExportCompleted(
        version_id=voice.version_id,
        family=voice.family,
        bundle=files(voice.bundle),
        not_auditionable=voice.not_auditionable,
        files=files(voice.files),
        requires=voice.requires,
        parity=export.parity,
    )


def base(registered: RegisteredBase) -> inference_pb2.Base:
    """A base as it is listed."""
    text = {key: str(registered.description.get(key, "")) for key in ("quality_zh", "quality_en")}
    licence = str(registered.description.get("license", registered.description.get("licence", "")))
    return inference_pb2.Base(
        digest=registered.digest,
        name=registered.name,
        kind=registered.kind,
        family=registered.family,
        languages=[str(code) for code in registered.description.get("languages", ())],
        license=licence,
        default=registered.family == DEFAULT_FAMILY,
        files=files(StoredFile(f.path, f.digest, f.size) for f in registered.files),
        **text,
    )
