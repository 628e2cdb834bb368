"""Pinyin syllables to the two phones of each."""

from __future__ import annotations

from functools import cache

from gptsovits.text.symbols import id_table

_INITIALS = tuple("zh ch sh b p m f d t n l g k h j q x r z c s y w".split())  # noqa: SIM905
_VOWEL_ONSETS = {"a": "AA", "e": "EE", "o": "OO"}
_INTERJECTIONS = {"m": "mu", "n": "en", "ng": "en", "hm": "heng", "hng": "heng", "ê": "ei"}
"""Syllables without a vowel, which the inventory lacks, by the nearest that it has."""


def _final(initial: str, rest: str) -> str:
    if rest == "i" and initial in {"z", "c", "s"}:
        return "i0"
    if rest == "i" and initial in {"zh", "ch", "sh", "r"}:
        return "ir"
    if rest.startswith("u") and initial in {"j", "q", "x", "y"}:
        return "v" + rest[1:]
    if initial == "y":
        return {"an": "En", "e": "E"}.get(rest, rest)
    return rest


@cache
def syllable_phones(syllable: str) -> tuple[str, str] | None:
    """Phones of a toned syllable, ``"yuan2"`` is ``("y", "van2")``; None if the inventory has none for it."""
    tone = syllable[-1]
    bare = _INTERJECTIONS.get(syllable[:-1], syllable[:-1])
    initial = next((start for start in _INITIALS if bare.startswith(start) and bare != start), "")
    onset = initial or _VOWEL_ONSETS.get(bare[:1], "")
    phones = (onset, (_final(initial, bare[len(initial) :]) if initial else bare) + tone)
    return phones if all(phone in id_table() for phone in phones) else None
