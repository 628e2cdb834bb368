"""Amounts in words as conditions: "MOS above 3.5", 星标过五十 and 四分以上 are mos:>3.5, stars:>50 and mos:>=4."""

from __future__ import annotations

import re

_NAMES = {
    "mos": r"mos|评分|打分|得分|分数|rating|rated|score[ds]?",
    "stars": r"星标|星星|星数|颗星|收藏|stars?",
    "downloads": r"下载|downloads?|downloaded",
}
_SIGNS = {
    ">=": r"at least|no less than|not less than|minimum(?: of)?|min|>=|≥|至少|不低于|不少于|起码|最少|唔少过|有",
    ">": r"above|over|more than|greater than|higher than|better than|>|超过|高于|大于|多于|过|多过|高过",
    "<": r"below|under|less than|fewer than|lower than|<|不到|低于|少于|小于|少过|低过",
}
_ENDS = r"以上|或以上|往上|起步|起|or (?:more|above|higher|better|up)|and (?:above|up)|\+|plus"
_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2, "廿": 20, "卅": 30}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10000, "k": 1000}
_NUMBER = r"\d{1,9}(?:\.\d{1,6})?k?|[零一二三四五六七八九两廿卅十百千万]{1,6}"
_UNIT = r"[分颗个次粒]?星?"
_SIGN = "|".join(_SIGNS.values())
_BEST_MOS = 5.0


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    found = []
    for name, words in _NAMES.items():
        number = rf"(?P<number>{_NUMBER})\s*{_UNIT}"
        named = rf"(?<![a-z])(?:{words})(?![a-z])(?:数量|数|量|分|count)?\s*(?:要|得|在|of|is|must be|should be)?\s*"
        compared = rf"(?P<sign>{_SIGN})\s*{number}\s*(?P<end>{_ENDS})?"
        ended = rf"{number}\s*(?P<end>{_ENDS})"
        after = rf"\s*(?:{words})(?![a-z])"
        for pattern in (named + compared, named + ended, compared + after, ended + after):
            found.append((name, re.compile(pattern)))
        found.append((name, re.compile(rf"{number}{after}\s*(?P<end>{_ENDS})")))
    found.append(("mos", re.compile(rf"(?P<sign>{_SIGN})?\s*(?P<number>{_NUMBER})\s*分\s*(?P<end>{_ENDS})")))
    return found


_PATTERNS = _patterns()


def as_conditions(text: str) -> str:
    """A folded text with its amounts written as `key:value`; what is quoted stays."""
    parts = re.split(r'("[^"]*")', text)
    return "".join(part if part.startswith('"') else _conditions(part) for part in parts)


def _conditions(text: str) -> str:
    for name, pattern in _PATTERNS:
        text = pattern.sub(lambda found, name=name: _written(name, found), text)  # type: ignore[misc]
    return text


def _written(name: str, found: re.Match[str]) -> str:
    number = _number(found["number"])
    told = found.groupdict()
    sign = next((sign for sign, words in _SIGNS.items() if re.fullmatch(words, told.get("sign") or "")), ">=")
    if number is None or (name == "mos" and number > _BEST_MOS):
        return found[0]
    return f" {name}:{sign}{number:g} "


def _number(text: str) -> float | None:
    """A number in digits or Chinese characters, 0 to 99,999."""
    if text[0].isascii():
        return float(text.removesuffix("k")) * (_SCALES["k"] if text.endswith("k") else 1)
    whole, digit = 0, 0
    for sign in text:
        if sign in _SCALES:
            whole, digit = (whole + (digit or 1) * _SCALES[sign], 0) if sign != "万" else ((whole + digit) * 10000, 0)
        elif digit and _DIGITS[sign] < 10:  # figures one after another are no number in words
            return None
        else:
            digit = _DIGITS[sign]
    return float(whole + digit)
