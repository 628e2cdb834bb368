"""Pulling a voice: its manifest, its objects, the base it stands on, and the format the user wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voicehub.cache import Cache, check_names
from voicehub.deltas import with_deltas
from voicehub.downloads import Wanted, fetch_all
from voicehub.errors import NotFound, Quarantined
from voicehub.models import Base, ObjectRef, Version
from voicehub.names import VoiceName
from voicehub.rebuild import write_original, write_safetensors
from voicehub.transport import Transport
from voicehub.uploads import OnBytes, ignore_progress

Format = Literal["onnx", "original", "safetensors"]
UNSCANNED = ("pushed",)


@dataclass(frozen=True)
class Pulled:
    """What a pull brought: the version, its folder, bytes over the wire, and bases that could not be had."""

    version: Version
    folder: Path
    received: int
    missing_bases: Mapping[str, str]


def pull(
    transport: Transport,
    cache: Cache,
    name: VoiceName,
    version: Version,
    bases: Sequence[Base],
    form: Format | None = None,
    on_bytes: OnBytes = ignore_progress,
) -> Pulled:
    """Brings `version` into the cache in `form` (default: the ONNX bundle, or safetensors where there is none).

    Raises:
        Quarantined: the scan refused the version: nobody can pull it.
        NotFound: the version has no such form, is not scanned yet, or was erased.
    """
    _check_state(name, version)
    check_names(version)
    form = form or ("onnx" if version.bundle else "safetensors")
    if form == "onnx" and not version.bundle:
        raise NotFound(f"{name} has no ONNX bundle.", hint=version.not_auditionable or "Use --format safetensors.")
    wanted = with_deltas(transport, cache, name, version, _wanted(name, version, form))
    received = fetch_all(transport, cache, wanted, on_bytes)
    more, missing = _pull_bases(transport, cache, version, bases, on_bytes) if form == "onnx" else (0, {})
    _lay_out(cache, cache.snapshot(name, version.id), version, form)
    folder = cache.keep_version(name, version, transport.url)  # last: who finds it here does not pull it again
    return Pulled(version, folder, received + more, missing)


def _check_state(name: VoiceName, version: Version) -> None:
    if version.state == "quarantined":
        reasons = "; ".join(f.message_en for f in version.findings[:3]) or version.verdict
        raise Quarantined(f"{name} is quarantined: {reasons}", hint="Ask its owner for a clean version.")
    if version.state == "erased":
        raise NotFound(f"{name} was erased.", hint="Pull another version: voicehub log prints them.")
    if version.state in UNSCANNED:
        raise NotFound(f"{name} is not scanned yet.", hint="Try again in a moment.")


def _wanted(name: VoiceName, version: Version, form: Format) -> list[Wanted]:
    prefix = f"{name.path}/versions/{version.id}/objects"
    files = [f.object for f in (*version.files, *(version.bundle if form == "onnx" else ()))]
    tensors = [] if form == "onnx" else [ObjectRef(t.digest, t.size) for t in version.tensors]
    return [Wanted(o, f"{prefix}/{o.digest}") for o in (*files, *tensors)]


def _lay_out(cache: Cache, folder: Path, version: Version, form: Format) -> None:
    for file in version.files:
        cache.link(folder, file.path, file.object.digest)
    if form == "onnx":
        for file in version.bundle:
            cache.link(folder / "onnx", file.path, file.object.digest)
    elif form == "original":
        write_original(version, cache.blob, folder / "original")
    else:
        write_safetensors(version, cache.blob, folder / "safetensors")


def _pull_bases(
    transport: Transport, cache: Cache, version: Version, bases: Sequence[Base], on_bytes: OnBytes
) -> tuple[int, dict[str, str]]:
    by_digest = {b.digest: b for b in bases}
    required = {kind: digest for kind, digest in version.requires.items() if kind != "symbols"}
    missing = {kind: digest for kind, digest in required.items() if digest not in by_digest}
    found = [by_digest[digest] for kind, digest in required.items() if kind not in missing]
    return sum(pull_base(transport, cache, base, on_bytes) for base in found), missing


def pull_base(transport: Transport, cache: Cache, base: Base, on_bytes: OnBytes = ignore_progress) -> int:
    """Brings a base into the cache once; answers the bytes that came over the wire."""
    prefix = f"/v1/bases/{base.digest}/objects"
    received = fetch_all(
        transport, cache, [Wanted(f.object, f"{prefix}/{f.object.digest}") for f in base.files], on_bytes
    )
    for file in base.files:
        cache.link(cache.base(base.digest), file.path, file.object.digest)
    return received
