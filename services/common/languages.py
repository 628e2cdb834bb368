"""Names of languages, as people write them and as the engine knows them."""

from __future__ import annotations

import re

_OTHERS = {"cmn": "zh"}
_EXTENDED = ("zh-yue", "zh-cmn")
"""Languages that a tag may also name by an extension of their family's (RFC 5646, section 2.2.2)."""


def engine_language(tag: str) -> str:
    """The engine's name of a language given as BCP 47 or as one of its own modes (`auto`, `all_zh`)."""
    code = tag.lower()
    if code.startswith(("all_", "auto_")):
        return code
    parts = re.split("[-_]", code)
    primary = parts[1] if "-".join(parts[:2]) in _EXTENDED else parts[0]
    return _OTHERS.get(primary, primary)
