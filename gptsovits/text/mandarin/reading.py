"""Numbers read in Chinese characters."""

from __future__ import annotations

_DIGITS = "零一二三四五六七八九"
_PLACES = ("", "十", "百", "千")
_GROUPS = ("", "万", "亿", "万亿")
_LONGEST = 16


def digit_by_digit(digits: str, *, telephone: bool = False) -> str:
    """Each digit by itself; ``telephone`` reads one as 幺, as in numbers of rooms and telephones."""
    read = "".join(_DIGITS[int(digit)] for digit in digits)
    return read.replace("一", "幺") if telephone else read


def _group(digits: str) -> str:
    """Up to four digits; zeros between others are read once."""
    read = ""
    for place, digit in enumerate(digits):
        if digit != "0":
            read += _DIGITS[int(digit)] + _PLACES[len(digits) - 1 - place]
        elif read and not read.endswith("零"):
            read += "零"
    return read.rstrip("零")


def cardinal(digits: str) -> str:
    """A whole number: ``"299"`` is 二百九十九, ``"15"`` is 十五."""
    digits = digits.lstrip("0")
    if not digits:
        return "零"
    if len(digits) > _LONGEST:
        return digit_by_digit(digits)
    read = ""
    for group in range((len(digits) - 1) // 4, -1, -1):
        part = digits[max(0, len(digits) - 4 * group - 4) : len(digits) - 4 * group]
        spoken = _group(part)
        if spoken:
            gap = "零" if read and part.startswith("0") else ""
            read += gap + spoken + _GROUPS[group]
        elif read and not read.endswith("零") and group:
            read += "零"
    read = read.rstrip("零")
    return read[1:] if read.startswith("一十") else read


def number(text: str) -> str:
    """A number with optional minus sign and decimals: ``"-3.05"`` is 负三点零五."""
    sign = "负" if text.startswith("-") else ""
    whole, _, part = text.lstrip("-").partition(".")
    return sign + cardinal(whole) + (f"点{digit_by_digit(part)}" if part else "")
