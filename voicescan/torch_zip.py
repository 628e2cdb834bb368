"""The container of ``torch.save``: a zip with one pickle and one member per storage.

GPT-SoVITS may replace the first two bytes by a version code (``00`` to ``06``). Members outside the layout are
findings, and are
looked into by the caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicescan.findings import Finding, Place, Refused
from voicescan.pickles import Parsed, hides_pickle, hides_pickle_within, read_whole
from voicescan.rules import found, refuse
from voicescan.zip_directory import Directory, Entry, head_of
from voicescan.zip_members import check_sums, content

_TEXTS = {
    "version": re.compile(rb"\d{1,4}\n?\Z"),
    "byteorder": re.compile(rb"little\Z"),
    ".format_version": re.compile(rb"\d{1,4}\Z"),
    ".storage_alignment": re.compile(rb"\d{1,6}\Z"),
    ".data/serialization_id": re.compile(rb"\d{1,64}\Z"),
}
_STORAGE = re.compile(r"data/(0|[1-9]\d{0,18})\Z")
_PROGRAM = re.compile(r"(code/|constants\.pkl\Z|constants/|attributes\.pkl\Z|extra/|models/|archive_format\Z)")


@dataclass(frozen=True)
class TorchZip:
    """The parsed pickle, the storages by key, the version head, and members that do not belong."""

    parsed: Parsed
    entry: str
    head: str
    view: memoryview
    storages: dict[str, Entry]
    strangers: tuple[Entry, ...]
    findings: tuple[Finding, ...]

    def storage(self, key: str) -> memoryview | None:
        """The bytes of a storage, None if it is missing. Raises ``Refused``."""
        member = self.storages.get(key)
        return None if member is None else content(self.view, member, self.entry)


def root_of(directory: Directory) -> str | None:
    """The folder inside the archive that holds ``data.pkl``, or None if this is no torch archive."""
    for member in directory.entries:
        root, _, rest = member.name.partition("/")
        if rest == "data.pkl":
            return root + "/"
    return "" if any(member.name == "data.pkl" for member in directory.entries) else None


def read_torch_zip(view: memoryview, directory: Directory, root: str, entry: str, verify: bool = True) -> TorchZip:
    """Read the archive; with ``verify`` every checksum is compared. Raises ``Refused``."""
    findings = list(directory.findings)
    storages: dict[str, Entry] = {}
    strangers: list[Entry] = []
    pickles: list[Entry] = []
    for member in directory.entries:
        inside = member.name.startswith(root)
        name = member.name.removeprefix(root) if inside else ""
        if member.name.endswith("/") and not member.packed:
            continue
        stored = _STORAGE.match(name)
        if name == "data.pkl":
            pickles.append(member)
        elif stored:
            storages.setdefault(stored[1], member)
        elif name in _TEXTS:
            findings += _check_text(view, member, _TEXTS[name], entry)
        else:
            strangers.append(member)
            findings.append(_stranger(member, name or member.name, entry))
    if verify:
        findings += check_sums(view, directory.entries, entry)
    parsed = [_read(view, member, entry) for member in pickles]
    findings += [finding for one in parsed for finding in one.findings]
    if verify:
        findings += _hidden(view, storages, entry)
    place = f"{entry}!{pickles[0].name}"
    return TorchZip(parsed[0], place, head_of(view), view, storages, tuple(strangers), tuple(findings))


def _read(view: memoryview, member: Entry, entry: str) -> Parsed:
    place = f"{entry}!{member.name}"
    try:
        return read_whole(bytes(content(view, member, entry)), place)
    except Refused as refused:
        return Parsed(None, refused.findings, 0, False)


def _check_text(view: memoryview, member: Entry, pattern: re.Pattern[bytes], entry: str) -> list[Finding]:
    place = Place(f"{entry}!{member.name}", member.header)
    try:
        text = bytes(content(view, member, entry)[:4096])
    except Refused as refused:
        return list(refused.findings)
    if pattern.match(text):
        return []
    hidden = hides_pickle(text)
    if hidden:
        return [found("pickle-hidden", place, hidden)]
    return [found("structure", place, f"unexpected content {text[:40]!r}")]


def _stranger(member: Entry, name: str, entry: str) -> Finding:
    rule = "torchscript" if _PROGRAM.match(name) else "zip-name"
    return found(rule, Place(f"{entry}!{member.name[:80]}", member.header), member.name)


def _hidden(view: memoryview, storages: dict[str, Entry], entry: str) -> list[Finding]:
    """Pickles that pose as the bytes of a storage."""
    findings: list[Finding] = []
    for member in storages.values():
        try:
            hidden = hides_pickle_within(content(view, member, entry))
        except Refused as refused:
            findings += refused.findings
            continue
        if hidden:
            findings.append(found("pickle-hidden", Place(f"{entry}!{member.name}", member.header), hidden))
    return findings


def require_root(directory: Directory, entry: str) -> str:
    """The root folder. Raises ``Refused`` if the archive is not one that torch saved."""
    root = root_of(directory)
    if root is None:
        raise refuse("structure", Place(entry), "an archive without data.pkl")
    return root
