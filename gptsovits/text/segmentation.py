"""Text of several languages cut into stretches of one language, by script and character sets (no model)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gptsovits.text.scripts import Run, han_language, runs
from gptsovits.text.sequence import TextError

MODES = ("zh", "en", "ja", "ko", "yue", "auto", "auto_yue", "all_zh", "all_ja", "all_ko", "all_yue")
"""What :func:`segment` takes as ``language_mode``."""

_ALIASES = {"jp": "ja", "all_jp": "all_ja", "cn": "zh", "kr": "ko"}
_CLAUSE_ENDS = frozenset("。！？!?\n；;")


@dataclass(frozen=True)
class Segment:
    """A stretch of text in one language (a code of ``zh en ja ko yue``)."""

    text: str
    language: str


def mode_named(name: str) -> str:
    """The mode of a name in any letter case.

    Raises:
        TextError: for a name that is no mode.
    """
    mode = _ALIASES.get(name.lower(), name.lower())
    if mode not in MODES:
        raise TextError(f"Language {name!r} is not supported; use one of {', '.join(MODES)}.")
    return mode


def segment(text: str, language_mode: str) -> list[Segment]:
    """Stretches of one language; joined they are the text.

    Args:
        text: any text.
        language_mode: ``en`` everything English; ``zh``, ``ja``, ``ko``, ``yue`` and ``all_`` with one of them: Latin
            words English, all else that language; ``auto``: by script, Chinese characters by their neighbours;
            ``auto_yue``: the same with Cantonese for Chinese.

    Raises:
        TextError: for an unknown mode.
    """
    mode = mode_named(language_mode)
    if not text:
        return []
    if mode == "en":
        return [Segment(text, "en")]
    found = runs(text)
    chosen = _detected(found, mode) if mode.startswith("auto") else _fixed(found, mode.removeprefix("all_"))
    return _merged(found, _settled(found, chosen, _fallback(text, mode)))


def _fallback(text: str, mode: str) -> str:
    """The language of a text without letters."""
    if not mode.startswith("auto"):
        return mode.removeprefix("all_")
    if text.isascii():
        return "en"
    return "yue" if mode == "auto_yue" else "zh"


def _fixed(found: Sequence[Run], code: str) -> list[str | None]:
    languages = {"latin": "en", "digits": None, "marks": None}
    return [languages.get(run.script, code) for run in found]


def _detected(found: Sequence[Run], mode: str) -> list[str | None]:
    languages = {"latin": "en", "kana": "ja", "hangul": "ko"}
    chinese = "yue" if mode == "auto_yue" else "zh"
    everywhere = _ambiguous_han(found)
    chosen: list[str | None] = []
    for place, run in enumerate(found):
        if run.script == "han":
            language = han_language(run.text) or _beside_kana(found, place)
            language = language or _ambiguous_han(_clause(found, place), everywhere)
            chosen.append(chinese if language == "zh" else language)
        else:
            chosen.append(languages.get(run.script))
    return chosen


def _clause(found: Sequence[Run], place: int) -> Sequence[Run]:
    def ends(run: Run) -> bool:
        return run.script == "marks" and not _CLAUSE_ENDS.isdisjoint(run.text)

    start = next((index + 1 for index in range(place, -1, -1) if ends(found[index])), 0)
    end = next((index for index in range(place, len(found)) if ends(found[index])), len(found))
    return found[start:end]


def _beside_kana(found: Sequence[Run], place: int) -> str | None:
    touching = (*found[max(0, place - 1) : place], *found[place + 1 : place + 2])
    return "ja" if any(run.script == "kana" for run in touching) else None


def _ambiguous_han(found: Sequence[Run], otherwise: str = "zh") -> str:
    """Language of Chinese characters that both use: Japanese beside kana unless others there are Chinese only."""
    evidence = {han_language(run.text) for run in found if run.script == "han"}
    if "zh" in evidence:
        return "zh"
    return "ja" if "ja" in evidence or any(run.script == "kana" for run in found) else otherwise


def _settled(found: Sequence[Run], chosen: Sequence[str | None], fallback: str) -> list[str]:
    """Gives digits, foreign letters and marks the language of a neighbour."""
    settled = list(chosen)
    for place, run in enumerate(found):
        if settled[place] is None and run.script != "marks":
            settled[place] = _neighbour(found, chosen, place) or fallback
    previous = next((language for language in settled if language), fallback)
    for place, language in enumerate(settled):
        previous = language or previous
        settled[place] = previous
    return [language or fallback for language in settled]


def _neighbour(found: Sequence[Run], chosen: Sequence[str | None], place: int) -> str | None:
    """Language of the nearer side: touching, then behind a blank, then behind punctuation; a tie to the longer."""
    sides = [_side(found, chosen, range(place - 1, -1, -1)), _side(found, chosen, range(place + 1, len(found)))]
    return min((side for side in sides if side), default=(0, 0, None))[2]


def _side(found: Sequence[Run], chosen: Sequence[str | None], order: range) -> tuple[int, int, str] | None:
    distance = 0
    for index in order:
        language = chosen[index]
        if language:
            return distance, -len(found[index].text), language
        if found[index].script == "marks":
            distance = max(distance, 1 if found[index].is_blank else 2)
    return None


def _merged(found: Sequence[Run], languages: Sequence[str]) -> list[Segment]:
    merged: list[Segment] = []
    for run, language in zip(found, languages, strict=True):
        if merged and merged[-1].language == language:
            merged[-1] = Segment(merged[-1].text + run.text, language)
        else:
            merged.append(Segment(run.text, language))
    return merged
