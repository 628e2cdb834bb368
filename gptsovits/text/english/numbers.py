"""Numbers, amounts, times and measures written out as English words."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import inflect

_LONGEST_NUMBER = 15
"""Longer digit strings are codes, not quantities, and are read digit by digit."""

_UNITS = {
    "m": ("meter", "meters"),
    "km": ("kilometer", "kilometers"),
    "km/h": ("kilometer per hour", "kilometers per hour"),
    "ft": ("foot", "feet"),
    "L": ("liter", "liters"),
    "tbsp": ("tablespoon", "tablespoons"),
    "tsp": ("teaspoon", "teaspoons"),
    "h": ("hour", "hours"),
    "min": ("minute", "minutes"),
    "s": ("second", "seconds"),
    "°C": ("degree celsius", "degrees celsius"),
    "°F": ("degree fahrenheit", "degrees fahrenheit"),
}
_UNIT_NAMES = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))
_SIGNS = {"+": "plus", "-": "minus", "*": "times", "×": "times", "/": "divided by", "÷": "divided by", "=": "equals"}
_NUMBER = r"\d+(?:\.\d+)?"


@cache
def _engine() -> inflect.engine:
    import inflect

    return inflect.engine()


def _words(number: int) -> str:
    return str(_engine().number_to_words(str(number), andword=""))


def _digits(text: str) -> str:
    return " ".join(_words(int(digit)) for digit in text)


def cardinal(digits: str) -> str:
    """Words of a digit string; years of 1001 to 2999 in pairs, so ``"1999"`` is "nineteen ninety-nine"."""
    if len(digits) > _LONGEST_NUMBER or (len(digits) > 1 and digits.startswith("0")):
        return _digits(digits)
    number = int(digits)
    if not 1000 < number < 3000 or 2000 <= number < 2010:
        return _words(number)
    if number % 100 == 0:
        return f"{_words(number // 100)} hundred"
    low = number % 100
    return f"{_words(number // 100)} {'oh ' if low < 10 else ''}{_words(low)}"


def ordinal(digits: str) -> str:
    """Words of an ordinal number, ``"3"`` is "third"."""
    if len(digits) > _LONGEST_NUMBER:
        return f"{_digits(digits)}th"
    return str(_engine().number_to_words(_engine().ordinal(str(int(digits))), andword=""))


def decimal(text: str) -> str:
    """Words of ``"3.14"``: "three point one four"; whole numbers as :func:`cardinal`."""
    whole, _, part = text.partition(".")
    return f"{cardinal(whole)} point {_digits(part)}" if part else cardinal(whole)


def _list_number(match: re.Match[str]) -> str:
    return f"{match[1]}{ordinal(match[2])}, "


def _arithmetic(match: re.Match[str]) -> str:
    return f" {_SIGNS[match[1]]} "


def _time(match: re.Match[str]) -> str:
    hour, minute, written = int(match[1]), int(match[2]), match[3]
    half = f"{written[0].lower()}.m." if written else ("a.m." if hour < 12 else "p.m.")
    spoken_hour = _words(hour - 12 if hour > 12 else hour)
    if minute == 0:
        return f"{spoken_hour} o'clock {half}"
    return f"{spoken_hour} {'oh ' if minute < 10 else ''}{_words(minute)} {half}"


def _measure(match: re.Match[str]) -> str:
    return f"{decimal(match[1])} {_UNITS[match[2]][match[1] != '1']} "


def _count(amount: str, one: str, many: str) -> str:
    return f"{decimal(amount)} {one if amount == '1' else many}"


def _pounds(match: re.Match[str]) -> str:
    return _count(match[1], "pound", "pounds")


def _euros(match: re.Match[str]) -> str:
    return _count(match[1], "euro", "euros")


def _dollars(match: re.Match[str]) -> str:
    whole, _, part = match[1].partition(".")
    if len(part) > 2:
        return f"{decimal(match[1])} dollars"
    cents = str(int(part.ljust(2, "0") or "0"))
    amounts = []
    if int(whole) or cents == "0":
        amounts.append(_count(whole, "dollar", "dollars"))
    if cents != "0":
        amounts.append(_count(cents, "cent", "cents"))
    return " and ".join(amounts)


def _fraction(match: re.Match[str]) -> str:
    top, bottom = match[1], match[2]
    plural = top != "1"
    if bottom == "2":
        return f"{cardinal(top)} {'halves' if plural else 'half'}"
    return f"{cardinal(top)} {ordinal(bottom)}{'s' if plural else ''}"


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(^|\n)(\d+)\. "), _list_number),
    (re.compile(r"(?<=\d) ([+\-*/×÷=]) (?=\d)"), _arithmetic),
    # The blank before the sign goes too: the model was trained on "tonegative five".
    (re.compile(r"(?:^|\s)-(?=\d)"), lambda _: "negative "),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), lambda _: ""),
    (re.compile(r"\b([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?(?:\s*([AaPp])\.?[Mm]\b\.?)?"), _time),
    (re.compile(rf"\b({_NUMBER})({_UNIT_NAMES})(?![A-Za-z])"), _measure),
    (re.compile(rf"£({_NUMBER})"), _pounds),
    (re.compile(rf"€({_NUMBER})"), _euros),
    (re.compile(rf"\$({_NUMBER})"), _dollars),
    (re.compile(r"(?<=[A-Za-z])(?=\d)"), lambda _: " "),
    (re.compile(r"\d+\.\d+"), lambda match: decimal(match[0])),
    (re.compile(r"\b(\d+)/(\d+)\b"), _fraction),
    (re.compile(r"(\d+)(?:st|nd|rd|th)\b"), lambda match: ordinal(match[1])),
    (re.compile(r"(?<=\d)(?=[A-Za-z])"), lambda _: " "),
    (re.compile(r"\d+"), lambda match: cardinal(match[0])),
)


def write_out(text: str) -> str:
    """The text with every number, amount, time and measure in words (order of rules matters)."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
