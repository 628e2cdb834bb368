"""Japanese text to phones with pitch marks, by way of Open JTalk's full-context labels."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

from gptsovits.text.punctuation import collapse_runs
from gptsovits.text.sequence import Spoken

FEWEST_PHONES = 0

_READABLE = "A-Za-z\\d\u3005\u3040-\u30ff\u4e00-\u9fff\uff11-\uff19\uff21-\uff3a\uff41-\uff5a\uff66-\uff9d"
_JAPANESE = f"[{_READABLE}]"
_RUN = re.compile(f"[{_READABLE}]+|[^{_READABLE}]")
_MARKS = {
    "：": ",", "；": ",", "，": ",", "、": ",", "·": ",", ":": ",", ";": ",", ",": ",", "。": ".", ".": ".",
    "\n": ".", "！": "!", "!": "!", "？": "?", "?": "?", "…": "…", "~": "…", "〜": "…", "～": "…",
    "-": "-", "—": "-", "–": "-", "―": "-",
}  # fmt: skip
_BORDER_AFTER = frozenset("aeiouAEIOU") | {"N", "cl"}
_ABSENT = -50
_FOREIGN = re.compile("[^\\W\\d_]+")
_PITCH = {
    name: re.compile(pattern)
    for name, pattern in {
        "phone": r"-(.*?)\+", "a1": r"/A:([0-9\-]+)\+", "a2": r"\+(\d+)\+", "a3": r"\+(\d+)/", "f1": r"/F:(\d+)_",
    }.items()
}  # fmt: skip


@cache
def _library() -> Any:
    import pyopenjtalk

    return pyopenjtalk


def normalize(text: str) -> str:
    """Percent as kana, Latin letters in lower case, runs of marks collapsed."""
    text = text.replace("%", "パーセント").replace("％", "パーセント")
    return collapse_runs(re.sub("[A-Z]", lambda match: match[0].lower(), text))


def unreadable(text: str) -> tuple[str, ...]:
    """Words of a raw text in scripts that Japanese has no sounds for."""
    return tuple(word for word in _FOREIGN.findall(text) if not re.search(_JAPANESE, word))


def _number(label: str, name: str) -> int:
    match = _PITCH[name].search(label)
    return int(match[1]) if match else _ABSENT


def _phone(label: str) -> str:
    match = _PITCH["phone"].search(label)
    phone = match[1] if match else ""
    return phone.lower() if phone in {"A", "E", "I", "O", "U"} else phone


def _pitch_mark(label: str, following: str, phone: str) -> str:
    """``#`` accent phrase border, ``]`` fall, ``[`` rise after this phone, or none (rules of Kurihara et al. 2021)."""
    place, next_place = _number(label, "a2"), _number(following, "a2")
    if _number(label, "a3") == 1 and next_place == 1 and phone in _BORDER_AFTER:
        return "#"
    if _number(label, "a1") == 0 and next_place == place + 1 and place != _number(label, "f1"):
        return "]"
    return "[" if place == 1 and next_place == 2 else ""


def label_phones(labels: Sequence[str]) -> list[str]:
    """Phones and pitch marks of full-context labels; silence at both ends is left out, pauses are ``_``."""
    phones: list[str] = []
    for place, label in enumerate(labels):
        phone = _phone(label)
        if phone == "sil":
            continue
        if phone == "pau":
            phones.append("_")
            continue
        phones.append(phone)
        mark = _pitch_mark(label, labels[place + 1], phone) if place + 1 < len(labels) else ""
        if mark:
            phones.append(mark)
    return phones


def pronounce(normalized: str) -> list[Spoken]:
    """Each run of Japanese and each mark with its phones; accent phrase borders are ``#`` and become ``UNK``."""
    spoken: list[Spoken] = []
    for match in _RUN.finditer(normalized):
        run = match[0]
        if re.match(_JAPANESE, run):
            phones = label_phones(_library().extract_fullcontext(unicodedata.normalize("NFKC", run)))
            spoken += [Spoken(run, tuple(phones))] if phones else []
        elif run in _MARKS:
            spoken.append(Spoken(run, (_MARKS[run],)))
    return spoken
