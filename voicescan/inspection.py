"""Telling by content what a file is and looking into it, whatever wrapping or name it comes in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from voicescan.checkpoint import Checkpoint, from_safetensors, from_torch
from voicescan.contents import storages_in
from voicescan.findings import Finding, Place, Refused, verdict_of
from voicescan.health import check_numbers
from voicescan.kinds import Identity, identify, is_features
from voicescan.limits import MAX_NESTING, MAX_PICKLE
from voicescan.magic import AUDIO, COMPRESSED, Signature, signature_of
from voicescan.numpy_files import read_npy
from voicescan.onnx_graphs import looks_like_onnx, read_onnx
from voicescan.pickles import poses_as_other, read_one, read_whole
from voicescan.rebuild import examine
from voicescan.rules import found
from voicescan.safetensors import looks_like_safetensors, read_safetensors
from voicescan.texts import read_document
from voicescan.torch_legacy import looks_legacy, read_legacy
from voicescan.torch_zip import read_torch_zip, root_of
from voicescan.unpack import Room, decompress, looks_like_tar, tar_members
from voicescan.zip_directory import Directory, Entry, archive_start, looks_like_zip, read_directory
from voicescan.zip_members import check_sums, content

_MAX_MEMBERS = 256
_PICKLED = frozenset({"torch-zip", "torch-legacy", "pickle"})
_ARCHIVES = frozenset({"zip", "torch-zip", "tar"})
"""Formats whose members are all looked into, so that none of them is hidden."""
_MAX_MENDED = 64 << 20
"""Archives whose first bytes were overwritten are looked into up to this size, because it takes a copy."""


@dataclass(frozen=True)
class Inspection:
    """What a file is and what is wrong with it.

    ``checkpoint`` and ``identity`` only for model files that could be read.
    """

    format: str
    findings: tuple[Finding, ...]
    checkpoint: Checkpoint | None = None
    identity: Identity | None = None
    stripped: tuple[str, ...] = ()


def inspect(view: memoryview, entry: str, depth: int = 0, room: Room | None = None) -> Inspection:
    """Identify and inspect. Never raises for hostile content. ``room``: what all wrappings may still unfold to."""
    room = Room(view) if room is None else room
    if depth > MAX_NESTING:
        return Inspection("unknown", (found("too-deep", Place(entry), f"{depth} layers"),))
    try:
        result = _by_content(view, entry, depth, room)
    except Refused as refused:
        result = Inspection("unknown", refused.findings)
    hidden = _hidden_archive(view, result.format, entry, depth, room)
    if verdict_of(result.findings) in ("clean", "unreadable") and result.format not in _PICKLED:
        hidden += poses_as_other(view, entry)
    return result if not hidden else Inspection(result.format, (*result.findings, *hidden))


def _by_content(view: memoryview, entry: str, depth: int, room: Room) -> Inspection:
    if looks_like_zip(view):
        return _zip(view, entry, depth, room)
    # Before the signatures: the length that a safetensors file begins with may look like a short one.
    if looks_like_safetensors(view):
        return _safetensors(view, entry)
    signature = signature_of(view)
    if signature is not None:
        return _signed(view, signature, entry, depth, room)
    if looks_like_tar(view):
        return _tar(view, entry, depth, room)
    if looks_like_onnx(view):
        return Inspection("onnx", tuple(read_onnx(view, entry)))
    return _pickle_or_text(view, entry)


def _signed(view: memoryview, signature: Signature, entry: str, depth: int, room: Room) -> Inspection:
    kind = signature.format
    if kind == "numpy":
        return Inspection(kind, tuple(read_npy(view, entry)))
    if kind in COMPRESSED:
        unfolded = decompress(view, kind, entry, room)
        inner = inspect(memoryview(unfolded.data), f"{entry}!{kind}", depth + 1, room)
        wrapped = found("archive", Place(entry), f"{inner.format} inside {kind}")
        return Inspection(kind, (wrapped, *unfolded.findings, *inner.findings))
    if kind == "tar":
        return _tar(view, entry, depth, room)
    if kind in AUDIO:
        return Inspection(kind, ())
    return Inspection(kind, (found(signature.rule or "unknown-format", Place(entry, 0), kind),))


def _model(checkpoint: Checkpoint, form: str, entry: str, more: Iterable[Finding] = ()) -> Inspection:
    examined = examine(checkpoint, entry)
    findings = (*checkpoint.findings, *more, *examined.findings)
    stripped = (*checkpoint.stripped, *examined.settings.dropped)
    return Inspection(form, findings, checkpoint, examined.identity, stripped)


def _zip(view: memoryview, entry: str, depth: int, room: Room) -> Inspection:
    directory = read_directory(view, entry)
    try:
        room.take(directory.unfolded, view, "zip", entry)
    except Refused as refused:
        raise Refused([*directory.findings, *refused.findings]) from refused
    root = root_of(directory)
    if root is None:
        return _archive(view, directory, entry, depth, room)
    container = read_torch_zip(view, directory, root, entry)
    strange = _members(view, container.strangers, entry, depth, room)
    try:
        return _model(from_torch(container, "torch-zip"), "torch-zip", entry, strange)
    except Refused as refused:
        return Inspection("torch-zip", (*refused.findings, *strange))


def _archive(view: memoryview, directory: Directory, entry: str, depth: int, room: Room) -> Inspection:
    """A zip that torch did not save: every member is looked into."""
    names = {member.name for member in directory.entries}
    program = any(name.endswith(("constants.pkl", "model.json", "archive_format")) for name in names)
    rule = "torchscript" if program else "archive"
    findings = [found(rule, Place(entry), f"{len(names)} members"), *directory.findings]
    findings += check_sums(view, directory.entries, entry)
    return Inspection("zip", (*findings, *_members(view, directory.entries, entry, depth, room)))


def _members(view: memoryview, members: tuple[Entry, ...], entry: str, depth: int, room: Room) -> list[Finding]:
    findings: list[Finding] = []
    if len(members) > _MAX_MEMBERS:
        findings.append(found("too-deep", Place(entry), f"{len(members)} members"))
    for member in members[:_MAX_MEMBERS]:
        place = f"{entry}!{member.name[:80]}"
        if member.name.endswith("/") and not member.size:
            continue
        try:
            findings += inspect(content(view, member, entry), place, depth + 1, room).findings
        except Refused as refused:
            findings += refused.findings
    return findings


def _tar(view: memoryview, entry: str, depth: int, room: Room) -> Inspection:
    findings = [found("archive", Place(entry), "a tar archive")]
    for number, member in enumerate(tar_members(view, entry)):
        findings += member.findings
        if number == _MAX_MEMBERS:
            findings.append(found("too-deep", Place(entry), f"more than {number} members"))
        if number < _MAX_MEMBERS and len(member.data):
            findings += inspect(member.data, f"{entry}!{member.name[:80]}", depth + 1, room).findings
    return Inspection("tar", tuple(findings))


def _safetensors(view: memoryview, entry: str) -> Inspection:
    try:
        read = read_safetensors(view, entry)
        if is_features(read.tensors, read.metadata):
            return Inspection("safetensors", read.findings, identity=Identity("features", ""))
        checkpoint = from_safetensors(view, entry)
        if identify(checkpoint.stored, checkpoint.config).kind == "unknown":
            note = found("no-model", Place(entry), "it holds arrays without the settings (`config`) of a model")
            sick = check_numbers(read.tensors, entry)
            return Inspection("safetensors", (*read.findings, note, *sick), identity=Identity("arrays", ""))
        return _model(checkpoint, "safetensors", entry)
    except Refused as refused:
        return Inspection("safetensors", refused.findings)


def _pickle_or_text(view: memoryview, entry: str) -> Inspection:
    if looks_legacy(view, entry):
        try:
            return _model(from_torch(read_legacy(view, entry), "torch-legacy"), "torch-legacy", entry)
        except Refused as refused:
            return Inspection("torch-legacy", refused.findings)
    probe = read_one(view, entry)
    if probe.names or probe.complete or probe.beyond or (len(view) > 0 and view[0] == 0x80):
        return _bare(view, entry)
    return Inspection(*read_document(view, entry))


def _bare(view: memoryview, entry: str) -> Inspection:
    """A pickle without a container: harmless if it is plain data, but no model; storages must come along."""
    parsed = read_whole(bytes(view[: MAX_PICKLE + 1]), entry)
    note = found("no-model", Place(entry), "it is a bare saved object")
    away = [found("storage-missing", Place(entry), f"storage {key}") for key in list(storages_in(parsed.value))[:8]]
    return Inspection("pickle", (*parsed.findings, *away, note))


def _hidden_archive(view: memoryview, form: str, entry: str, depth: int, room: Room) -> list[Finding]:
    """A zip archive behind something else: readers that search for its end would open it."""
    start = -1 if form in _ARCHIVES else archive_start(view)
    if start < 0:
        return []
    findings = [found("zip-structure", Place(entry, start), "an archive is hidden behind other content")]
    if start > 0:
        return findings + list(inspect(view[start:], f"{entry}!hidden", depth + 1, room).findings)
    if len(view) <= _MAX_MENDED:
        mended = memoryview(b"PK" + bytes(view[2:]))
        findings += inspect(mended, f"{entry}!hidden", depth + 1, room).findings
    return findings
