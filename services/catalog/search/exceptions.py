"""What a query excepts: 除了男声都行 and 除男声以外 are 不要男声; 除了男声还要女声 asks for both."""

from __future__ import annotations

import re

_MORE = "还|也|亦|仲|又|更|另|外加"
_ANY = (
    r"(?:其[他它余]的?|谁|什么|乜嘢?|边个|点样|随便|怎样)?"
    r"(?:都|皆|均)(?:可以|可|行|得|要|好|啱|成|没问题|冇问题|ok)"
)
_END = r"[,，。;；!！?？\n]"
_NO_MORE = rf"(?![\s,，]*(?:{_MORE}))"


def _what(group: str) -> str:
    return rf"(?P<{group}>(?:(?!{_MORE}|{_END}).){{1,24}}?)"


_EXCEPTED = re.compile(
    rf"(?:除[了咗开却]{_what('what')}(?:(?:以外|之外)?[\s,，]*{_ANY}|以外|之外|(?={_END}|$))"
    rf"|(?<![解删清免扣排废拆消驱根去开])除(?![外非夕了咗开却]){_what('bare')}(?:(?:以外|之外)(?:[\s,，]*{_ANY})?|{_ANY}))"
    rf"{_NO_MORE}"
)
_BESIDES = re.compile(rf"除[了咗开却]?{_what('what')}(?:以外|之外)?(?=[\s,，]*(?:{_MORE}))")


def as_denials(text: str) -> str:
    """A folded text with what it excepts written as a denial, and without the words for "besides"."""
    if "除" not in text:
        return text
    denied = _EXCEPTED.sub(lambda found: f", 不要{found['what'] or found['bare']}, ", text)
    return _BESIDES.sub(lambda found: f" {found['what']} ", denied)
