"""Whoever operates a hub finds each variable that its programs read, and none that nothing reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from services.common.settings import SERVICES

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ("services", "sdk/voicehub", "gptsovits", "operator/voicehub_operator", "tools")
COMPOSED = {f"VOICEHUB_{name.upper()}_ADDRESS" for name in SERVICES} | {
    f"VOICEHUB_RATE_{name}" for name in ("API", "DOWNLOADS", "PASSWORDS")
}
"""Names that are put together where they are read."""
WHOLE = re.compile(r"VOICEHUB_(?!OPERATOR_)[A-Z_]*[A-Z]\b")


def _programs() -> Iterator[str]:
    for path in (path for folder in PROGRAMS for path in (ROOT / folder).rglob("*.py")):
        if "tests" not in path.parts and not path.name.startswith("test_"):
            yield path.read_text(encoding="utf-8")


def _read() -> set[str]:
    quoted = re.compile(rf"[\"']({WHOLE.pattern})[\"']")
    return COMPOSED | {name for text in _programs() for name in quoted.findall(text)}


def test_each_variable_that_is_read_is_in_the_table() -> None:
    table = (
        (ROOT / "docs" / "operate.md").read_text(encoding="utf-8").partition("\n## Settings\n")[2].partition("\n## ")[0]
    )
    assert _read() - set(WHOLE.findall(table)) == set()


def test_each_variable_that_is_told_is_read() -> None:
    told = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    names = {name for path in told for name in WHOLE.findall(path.read_text(encoding="utf-8"))}
    assert names - _read() == set()
