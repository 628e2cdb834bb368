"""Amounts in words as conditions: "MOS above 3.5", 星标过五十 and 四分以上 are mos:>3.5, stars:>50 and mos:>=4."""

from __future__ import annotations

import re

_NAMES = {
    "mos": "mos|评分|打分|ratings?|rated",
    "stars": "星标|星星|星数|颗星|收藏[数量]|stars?",
    "downloads": "下载|downloads?|downloaded",
}
_SIGNS = {
    "<=": "<=|≤|no more than|not more than|at most|maximum(?: of)?|不超过|不要超过|不高于|不要高于|不多于|最多",
    ">=": "at least|no less than|not less than|no fewer than|no lower than|not (?:below|under|lower than)|"
    "minimum(?: of)?|>=|≥|至少|不低于|不要低于|不能低于|不少于|不要少于|不能少于|起码|最少|唔少过|唔低过|唔低于|唔少于",
    ">": "above|over|more than|greater than|higher than|better than|>|超过|高于|大于|多于|过|多过|高过|大过",
    "<": "below|under|less than|fewer than|lower than|<|不到|低于|少于|小于|少过|低过",
}  # in this order: "no more than" holds "more than"
_ENDS = r"或?以上|往上|起步|or (?:more|above|higher|better|up)|and (?:above|up)|\+|plus\b"
_WRITTEN = re.compile(r'("[^"]*"|(?<![a-z])(?:mos|stars|downloads):(?:[<>=≤≥]{0,2}[0-9.]+))')
_DENIED = re.compile(
    r"(?:(?:不要|不想|别|没有|唔要|冇|-)[^,.;:!?。、\s]*|\b(?:not?|nothing|never|without)\b[^,.;:!?。、]*)$"
)
_OTHERS = "(?!.{0,2}(?:hotel|general|chef|hours?|goals?|planets?|酒店|宾馆|长音频|音频|视频|广告|篮球))"
_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"两": 2}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10000}
_BEST_MOS = 5.0
_NUMBER = (
    r"(?<![\d.,a-z零一二三四五六七八九两十百千万])"
    r"(?P<number>(?:\d{1,3}(?:,\d{3})+|\d{1,9}(?:\.\d{1,6})?)[k千万]?|[零一二三四五六七八九两十百千万]{1,8})"
    r"(?![\dk十百千万]|[.,]\d)\s{0,2}"
)
_COUNTED = rf"{_NUMBER}[分颗个次粒]?(?:星(?![标数星]))?"
_SIGN = rf"(?:(?<![a-z])(?<!voice )|(?=[<>≥≤]))(?P<sign>{'|'.join(_SIGNS.values())})\s{{0,2}}"


def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    ended = rf"{_COUNTED}\s{{0,2}}(?P<end>{_ENDS})"
    found = []
    for name, words in _NAMES.items():
        begun = rf"(?<![a-z])(?:{words})(?![a-z])[数量分次]{{0,2}}\s{{0,2}}:?\s{{0,2}}"
        named = rf"{begun}(?:最好)?(?:要|得|在|有|系|of|is|must be|should be|ideally|preferably)?\s{{0,2}}"
        after = rf"\s{{0,2}}(?:{words})(?![a-z]){_OTHERS}"
        compared = _SIGN + _COUNTED
        forms = (f"{named}{compared}(?:{_ENDS})?{_OTHERS}", named + ended + _OTHERS, compared + after, ended + after)
        found += [(name, re.compile(form)) for form in (*forms, rf"{_COUNTED}{after}\s{{0,2}}(?P<end>{_ENDS})")]
    alone = rf"(?:^|(?<=[\s,;])){_NUMBER}分\s{{0,2}}(?P<end>或?以上)(?=[的嘅,.;\s]|$)"
    return [*found, ("mos", re.compile(alone + _OTHERS))]


_PATTERNS = _patterns()


def as_conditions(text: str) -> str:
    """A folded text with its amounts written as `key:value`; what is quoted or so written stays, and what is denied."""
    for name, pattern in _PATTERNS:
        parts = _WRITTEN.split(text)  # those of the names before, too: of "mos:>3.8 stars:>=10" no star is above 3.8
        parts[::2] = [pattern.sub(lambda found, name=name: _written(name, found), part) for part in parts[::2]]
        text = "".join(parts)
    return text


def _written(name: str, found: re.Match[str]) -> str:
    number = _number(found["number"])
    told = found.groupdict().get("sign") or "at least"
    sign = next(sign for sign, words in _SIGNS.items() if re.fullmatch(words, told))
    if number is None or (name == "mos" and number > _BEST_MOS) or _DENIED.search(found.string[: found.start()]):
        return found[0]
    return f" {name}:{sign}{int(number) if number == int(number) else number} "


def _number(text: str) -> float | None:
    """A number in digits (with 千, 万 or k behind) or in Chinese characters; None if those are none."""
    if text[0].isdigit():
        scale = {"k": 1000, **_SCALES}.get(text[-1], 1)
        return float(text.rstrip("k千万").replace(",", "")) * scale
    whole, digit, scale = 0, 0, 1
    for sign in text:
        if sign == "零":
            scale = 10
        elif sign == "万":
            whole, digit, scale = (whole + digit or 1) * 10000, 0, 10000
        elif sign in _SCALES:
            whole, digit, scale = whole + (digit or 1) * _SCALES[sign], 0, _SCALES[sign]
        elif digit:  # figures one after another are no number in words
            return None
        else:
            digit = _DIGITS[sign]
    return float(whole + digit * max(scale // 10, 1))  # 两千五 is 2,500, and 两千零五 is 2,005
