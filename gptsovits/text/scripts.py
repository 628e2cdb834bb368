"""Runs of one script, and what the characters themselves tell about the language."""

from __future__ import annotations

import re
from dataclasses import dataclass

UNITS = r"(?:km/h|km|kg|cm|mm|ml|mg|db|dB|GB|MB|KB|kb|mb|gb|min|[mghsl])(?![A-Za-z])"
"""Abbreviations that stay with the number before them."""

_LATIN = "A-Za-zÀ-ÖØ-öø-ɏＡ-Ｚａ-ｚ"
"""Not × and ÷, which lie between them, but letters of full width."""
_RUN = re.compile(
    rf"(?P<digits>[-+±$£€¥￥]?\d+(?:[.,:/~\-]\d+)*(?:[%‰℃°](?:[CF](?![A-Za-z]))?|{UNITS})?)"
    rf"|(?P<latin>[{_LATIN}]+(?:['’\-][{_LATIN}]+)*)"
    r"|(?P<kana>[\u3041-\u309f\u30a1-\u30ff\uff66-\uff9f]+)"
    r"|(?P<hangul>[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]+)"
    r"|(?P<han>[\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)"
    r"|(?P<letters>[^\W\d_A-Za-z])"
    r"|(?P<marks>[\s\S])"
)
_PUNCTUATION = re.compile(r"[^\w\s]")


@dataclass(frozen=True)
class Run:
    """Neighbouring characters of one script: digits, latin, kana, hangul, han, letters (others) or marks."""

    text: str
    script: str

    @property
    def is_blank(self) -> bool:
        """Whether nothing but white space separates the neighbours."""
        return self.script == "marks" and not _PUNCTUATION.search(self.text)


def runs(text: str) -> list[Run]:
    """The text as runs; joined they are the text."""
    found: list[Run] = []
    for match in _RUN.finditer(text):
        script = match.lastgroup or "marks"
        if found and found[-1].script == script and script in {"marks", "letters"}:
            found[-1] = Run(found[-1].text + match[0], script)
        else:
            found.append(Run(match[0], script))
    return found


def _writable(char: str, encoding: str) -> bool:
    try:
        char.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def han_language(text: str) -> str | None:
    """``"zh"`` or ``"ja"`` where a character is in use in one of them only, by the national character sets.

    A character outside JIS X 0208 is Chinese; one outside both GB 2312 and Big5, but in JIS X 0208, is Japanese.
    """
    for char in text:
        if not _writable(char, "shift_jis"):
            return "zh"
    for char in text:
        if not _writable(char, "gb2312") and not _writable(char, "big5"):
            return "ja"
    return None
