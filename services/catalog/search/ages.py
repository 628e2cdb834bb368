"""Ages in years as they are written: 二十六岁, 四十来岁, 26 岁, twenty-six-year-old, 26 years old, "she is eighty"."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

_DIGITS = "零一二三四五六七八九"
_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WHO = {
    "i'm": "", "i am": "",
    **dict.fromkeys(("he's", "he is", "he was", "boy of"), "male"),
    **dict.fromkeys(("she's", "she is", "she was", "girl of"), "female"),
}  # fmt: skip
_ABOUT = ("around", "about", "nearly", "almost", "over", "past")
_PARTS = ("early", "mid", "late")
_WHOSE = {"his": "male", "her": "female"}
_MEN = ("man", "gentleman", "guy", "bloke", "lad", "chap", "fella", "youth")
_WOMEN = ("woman", "lady", "lass", "gal", "maiden")
_PEOPLE = dict.fromkeys(_MEN, "male") | dict.fromkeys(_WOMEN, "female")
_OF_LEAST = 13  # "a man of 7 talents"
_ROUND_LEAST = 2  # tens; "over ten" mostly counts something else
_BARE_LEAST = 4  # smaller numbers mostly count something else
_SHORT_TENS = {2: "廿", 3: "卅"}


def spellings(years: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Every written age with the name of its span; `years` are the spans, ends included."""
    for name, (first, last) in years.items():
        for number in range(first, last + 1):
            for text in _chinese(number):
                yield f"{text}岁", name
            for text in (str(number), _english(number)):
                yield f"{text} year old", name
                yield f"{text} years old", name
                yield f"{text} years of age", name
                yield f"aged {text}", name
            yield f"{number} 岁", name
            yield from ((text, name) for text in _about(number))


def _about(number: int) -> Iterator[str]:
    """Round ages told by and large, by words that count nothing else: "in her fifties", 七十上下, 50 多岁."""
    tens, ones = divmod(number, 10)
    if ones or tens < _ROUND_LEAST:
        return
    yield from (f"{_TENS[tens]}{odd}" for odd in ("ish", " something", "something"))
    yield from (f"{when} {_decade(number)}" for when in (*_PARTS, "their"))
    yield from (f"{word} {_TENS[tens]}" for word in ("pushing", "approaching"))
    yield from (f"{number}{odd}岁" for odd in "多来几")
    for text in (*(start for start in _chinese(number) if start.endswith("十")), str(number)):
        yield from (f"{before}{text}" for before in ("年近", "年过", "年届"))
        yield from (f"{text}{after}" for after in ("上下", "开外"))


def numbers(years: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """Every age written as a bare number, with the name of its span."""
    for name, (first, last) in years.items():
        for number in range(max(first, _BARE_LEAST), last + 1):
            yield from ((text, name) for text in (*_chinese(number), str(number), _english(number)))


def sentences(years: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str, str]]:
    """English statements of an age, with the name of its span and the gender they give, which may be empty."""
    for name, (first, last) in years.items():
        for number in range(max(first, _BARE_LEAST), last + 1):
            for text in (str(number), _english(number)):
                yield from ((f"{who} {text}", name, gender) for who, gender in _WHO.items())
                if number >= _OF_LEAST:
                    yield from ((f"{who} of {text}", name, gender) for who, gender in _PEOPLE.items())
            if number % 10 == 0 and number >= 10 * _ROUND_LEAST:
                some = [f"{of}{about}" for of in ("", "of ") for about in _ABOUT]
                told = ((f"{who} {about}", gender) for who, gender in _PEOPLE.items() for about in some)
                yield from ((f"{words} {_TENS[number // 10]}", name, gender) for words, gender in told)
                whose = ((f"{word} {part}", gender) for word, gender in _WHOSE.items() for part in ("", *_PARTS))
                yield from ((f"{words} {_decade(number)}", name, gender) for words, gender in whose)


def _decade(number: int) -> str:
    return _TENS[number // 10].removesuffix("y") + "ies"


def _chinese(number: int) -> Iterator[str]:
    tens, ones = divmod(number, 10)
    after = _DIGITS[ones] if ones else ""
    starts = [("" if tens < 2 else _DIGITS[tens]) + "十"] if tens else [""]
    starts += [_SHORT_TENS[tens]] if tens in _SHORT_TENS else []
    for start in starts:
        yield start + after
        if 0 < ones < 9:
            yield start + after + _DIGITS[ones + 1]
        if tens == 1:  # of the numbers from eleven to nineteen
            yield from (f"{start}{about}" for about in {0: ("来", "出头的"), 5: ("多", "几", "好几")}.get(ones, ()))
        elif tens and not ones:
            yield from (f"{start}{about}" for about in ("多", "来", "几", "出头的", "好几"))
    if tens > _ROUND_LEAST and not ones:
        yield from (f"{_DIGITS[tens - 1]}{pause}{_DIGITS[tens]}十" for pause in ("", "、", "到", "至"))


def _english(number: int) -> str:
    tens, ones = divmod(number, 10)
    if number < 20:
        return _ONES[number]
    return _TENS[tens] + (f" {_ONES[ones]}" if ones else "")
