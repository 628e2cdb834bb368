"""`lexicon.yaml` merged word by word."""

from __future__ import annotations

from typing import Any

from gptsovits.merging.conflicts import Conflict
from gptsovits.merging.recipe import LexiconChoice
from gptsovits.merging.voice import Lexicons

_ABSENT = None


def merge_lexicons(
    base: Lexicons, ours: Lexicons, theirs: Lexicons, choice: LexiconChoice = "merge"
) -> tuple[dict[str, dict[str, Any]], list[Conflict]]:
    """The merged lexicons, languages and words sorted, and the words that both sides changed differently.

    Such a word is absent from the result, unless `choice` names the side that wins.
    """
    merged: dict[str, dict[str, Any]] = {}
    conflicts: list[Conflict] = []
    for language in sorted({*base, *ours, *theirs}):
        sides = [lexicons.get(language) or {} for lexicons in (base, ours, theirs)]
        words: dict[str, Any] = {}
        for word in sorted({word for side in sides for word in side}):
            before, mine, other = (side.get(word, _ABSENT) for side in sides)
            if mine != other and before not in (mine, other) and choice == "merge":
                conflicts.append(_conflict(language, word, before, mine, other))
                continue
            phones = _chosen(before, mine, other, choice)
            if phones is not _ABSENT:
                words[word] = phones
        if words:
            merged[language] = words
    return merged, conflicts


def _chosen(before: Any, mine: Any, other: Any, choice: LexiconChoice) -> Any:
    if mine == other or other == before:
        return mine
    if mine == before:
        return other
    return other if choice == "theirs" else mine


def _conflict(language: str, word: str, before: Any, mine: Any, other: Any) -> Conflict:
    was, ours, theirs = _said(before), _said(mine), _said(other)
    return Conflict(
        "lexicon", f"{language}/{word}",
        f"Both changed “{word}” ({language}): it was {was}, ours says {ours}, theirs says {theirs}. Choose a side.",
        f"双方都改了“{word}”（{language}）：原来是 {was}，我方是 {ours}，对方是 {theirs}。请选择一方。",
    )  # fmt: skip


def _said(phones: Any) -> str:
    if phones is _ABSENT:
        return "–"
    return " ".join(map(str, phones)) if isinstance(phones, list | tuple) else str(phones)
