"""Cases of the text front ends: phones, pieces."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gptsovits.parity.outcome import Comparison, Outcome
from gptsovits.parity.recordings import read_json
from gptsovits.text import TextError, phonemize
from gptsovits.text.cutting import cut_lines, merge_short, pieces, split_long
from gptsovits.text.symbols import id_table

LANGUAGES = ("zh", "yue", "en", "ja", "ko")


def text_cases(root: Path) -> Iterator[Outcome]:
    """One line per file in ``text/``."""
    folder = root / "text"
    for language in LANGUAGES:
        recorded = read_json(folder / f"{language}.json", None)
        if recorded is not None:
            yield _phones(language, recorded["cases"])
    symbols = read_json(folder / "symbols.json", None)
    if symbols is not None:
        comparison = Comparison("text/symbols.json")
        for version, names in symbols.items():
            table = id_table(version)
            comparison.exact(version, [table[name] for name in names], list(range(len(names))))
        yield comparison.outcome()
    segmentation = read_json(folder / "segmentation.json", None)
    if segmentation is not None:
        yield _cutting(segmentation)


def _phones(language: str, cases: list[dict[str, object]]) -> Outcome:
    name = f"text/{language}.json"
    wrong, run = [], 0
    for case in cases:
        if any(key.startswith("skip") and case[key] for key in case):
            continue
        run += 1
        try:
            found = list(phonemize(str(case["text"]), f"all_{language}" if language != "en" else "en").phones)
        except (TextError, ImportError) as error:
            return Outcome(name, "not run", note=str(error))
        if found != case["phones"]:
            wrong.append(str(case["text"]))
    note = f"{run - len(wrong)} of {run} sentences equal" + (f"; first other: {wrong[0]}" if wrong else "")
    return Outcome(name, "exceeds" if wrong else "equal", float(len(wrong)), 0.0, note)


def _cutting(recorded: dict[str, list[dict[str, object]]]) -> Outcome:
    comparison = Comparison("text/segmentation.json")
    for case in recorded["cuts"]:
        text = str(case["text"])
        for method in (f"cut{number}" for number in range(6)):
            comparison.exact(f"{method}: {text}", cut_lines(text, method), case[method])
        comparison.exact(f"split_big_20: {text}", split_long(text, 20), case["split_big_20"])
    for case in recorded["pre_seg"]:
        found = _pieces(str(case["text"]), str(case["lang"]), str(case["method"]))
        comparison.exact(f"{case['method']}: {case['text']}", found, case["result"])
    for case in recorded["merge_short"]:
        found = merge_short([str(part) for part in case["inp"]], int(str(case["threshold"])))  # type: ignore[attr-defined]
        comparison.exact(f"merge {case['inp']}", found, case["out"])
    return comparison.outcome()


def _pieces(text: str, language: str, method: str) -> object:
    """Where this front end says that there is nothing to speak, the original raised an error, which was recorded."""
    try:
        return pieces(text, language, method)
    except TextError:
        return {"error": "ValueError: Please enter valid text."}
