"""Documents and plain texts, told by their names once nothing else could be told by content."""

from __future__ import annotations

import codecs
from pathlib import PurePosixPath

from voicescan.documents import parse_json, parse_yaml
from voicescan.findings import Finding, Place
from voicescan.limits import MAX_DOCUMENT
from voicescan.rules import found

_BOM = codecs.BOM_UTF8
_TEXT_ENDINGS = frozenset({".txt", ".md", ".list", ".lab", ".csv", ".tsv", ".srt", ".rst"})
_TEXT_NAMES = frozenset({"license", "licence", "readme", "notice", "copying", "authors", "changelog"})


def read_document(view: memoryview, entry: str) -> tuple[str, tuple[Finding, ...]]:
    """Format and findings of a JSON or YAML document or a plain text. Raises ``Refused``."""
    if not len(view):
        return "empty", (found("unreadable-file", Place(entry), "it is empty"),)
    name = PurePosixPath(entry.rsplit("!", 1)[-1].lower())
    start = bytes(view[:64]).lstrip(b" \t\r\n\xef\xbb\xbf")[:1]
    if start in (b"{", b"[") or name.suffix == ".json":
        parse_json(bytes(view[: MAX_DOCUMENT + 1 + len(_BOM)]).removeprefix(_BOM), entry)
        return "json", ()
    if name.suffix in (".yaml", ".yml"):
        parse_yaml(bytes(view[: MAX_DOCUMENT + 1]), entry)
        return "yaml", ()
    named = name.suffix in _TEXT_ENDINGS or name.name in _TEXT_NAMES
    if named and start != b"<" and _is_text(bytes(view[: MAX_DOCUMENT + 1])):
        return "text", ()
    return "unknown", (found("unknown-format", Place(entry), f"it begins with {bytes(view[:8]).hex()}"),)


def _is_text(raw: bytes) -> bool:
    """UTF-8 without control characters, and not too long."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return len(raw) <= MAX_DOCUMENT and all(char.isprintable() or char in "\t\r\n\u3000\u00a0" for char in text)
