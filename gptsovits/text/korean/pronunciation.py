"""Korean spelling to Korean as spoken, by the rule modules of g2pk2.

The rules are used one by one. The package's own entry class is not imported: importing it downloads an English
dictionary, which this front end does not need because English words are read by the English front end.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

Rule = Callable[[str], str]

_PACKAGE = "g2pk2"
_LOADING = RLock()
"""Only one thread may exchange the package's entries in ``sys.modules``."""
_SPECIAL = (
    "jyeo", "ye", "consonant_ui", "josa_ui", "vowel_ui", "jamo", "rieulgiyeok", "rieulbieub", "verb_nieun", "balb",
    "palatalize", "modifying_rieul",
)  # fmt: skip
_LINKING = ("link1", "link2", "link3", "link4")
_TAG = re.compile("/[PJEB]")


@dataclass(frozen=True)
class _Rules:
    idioms: tuple[tuple[re.Pattern[str], str], ...]
    annotate: Rule
    write_numbers: Rule
    decompose: Rule
    special: tuple[Rule, ...]
    table: tuple[tuple[re.Pattern[str], str], ...]
    linking: tuple[Rule, ...]
    compose: Rule


def _package_folder() -> Path:
    spec = find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    return Path(next(iter(spec.submodule_search_locations)))


def _import_parts(folder: Path, *names: str) -> list[Any]:
    """Modules of the package without running its ``__init__`` (see above); leaves no trace in ``sys.modules``."""
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == _PACKAGE}
    stand_in = ModuleType(_PACKAGE)
    stand_in.__path__ = [str(folder)]
    for name in before:
        del sys.modules[name]
    sys.modules[_PACKAGE] = stand_in
    try:
        return [import_module(f"{_PACKAGE}.{name}") for name in names]
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == _PACKAGE]:
            del sys.modules[name]
        sys.modules.update(before)


def _read_idioms(path: Path) -> tuple[tuple[re.Pattern[str], str], ...]:
    lines = (line.split("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    pairs = (line.split("===") for line in lines if "===" in line)
    return tuple((re.compile(written), spoken) for written, spoken in pairs)


@cache
def _rules() -> _Rules:
    import jamo
    import mecab

    folder = _package_folder()
    utils, special, regular, numerals = _import_parts(folder, "utils", "special", "regular", "numerals")
    tagger = mecab.MeCab()
    return _Rules(
        idioms=_read_idioms(folder / "idioms.txt"),
        annotate=lambda text: str(utils.annotate(text, tagger)),
        write_numbers=numerals.convert_num,
        decompose=jamo.h2j,
        special=tuple(getattr(special, name) for name in _SPECIAL),
        table=tuple((re.compile(pair), spoken) for pair, spoken, _ in utils.parse_table()),
        linking=tuple(getattr(regular, name) for name in _LINKING),
        compose=utils.compose,
    )


def as_spoken(text: str) -> str:
    """Hangul as it is pronounced, with numbers written out: 학교에 becomes 학꾜에."""
    with _LOADING:
        rules = _rules()
    for written, spoken in rules.idioms:
        text = written.sub(spoken, text)
    text = rules.decompose(rules.write_numbers(rules.annotate(text)))
    for rule in rules.special:
        text = rule(text)
    text = _TAG.sub("", text)
    for pattern, spoken in rules.table:
        text = pattern.sub(spoken, text)
    for rule in rules.linking:
        text = rule(text)
    return rules.compose(text)
