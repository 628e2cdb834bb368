"""Every recorded case of a directory, found through its manifest; what nothing compares is reported as not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gptsovits.parity.files import file_cases
from gptsovits.parity.misc import misc_cases
from gptsovits.parity.outcome import FAILURES, Outcome, attempted
from gptsovits.parity.published import published_cases
from gptsovits.parity.recordings import Group, read_manifest
from gptsovits.parity.stage1 import stage1_cases
from gptsovits.parity.stage2 import pro_cases, stage2_cases
from gptsovits.parity.synthesis import synthesis_cases
from gptsovits.parity.text import text_cases

GroupCheck = Callable[[Group], Iterator[Outcome]]
CHECKS: Mapping[str, GroupCheck] = {"s1.": stage1_cases, "s2.": stage2_cases, "v2pro": pro_cases}
"""By the start of a case's name. Spoken checkpoints have a case called ``in``; the rest needs no network."""


def run_suite(root: Path) -> Iterator[Outcome]:
    """Lines in the order of the manifest, then checkpoint files, names and shapes, text."""
    for file, cases in read_manifest(root)["files"].items():
        described = cases if isinstance(cases, Mapping) else dict.fromkeys(cases)
        yield from _group(root, file, described)
    yield from attempted("checkpoints", lambda: file_cases(root))
    yield from attempted("published sizes", lambda: published_cases(root))
    yield from attempted("text", lambda: text_cases(root))


def _group(root: Path, file: str, cases: Mapping[str, Any]) -> Iterator[Outcome]:
    label = file.removesuffix(".safetensors")
    seen: set[str] = set()
    reason = ""
    try:
        for check, chosen in _checks(cases):
            for outcome in check(Group(root, file, chosen)):
                seen.add(outcome.case)
                yield _labelled(outcome, label)
    except FAILURES as error:
        reason = f"{type(error).__name__}: {error}"
    for name in (name for name in cases if name not in seen):
        yield Outcome(f"{label}: {name}", "not run", note=reason or "nothing compares this case")


def _labelled(outcome: Outcome, label: str) -> Outcome:
    return Outcome(f"{label}: {outcome.case}", outcome.status, outcome.error, outcome.tolerance, outcome.note)


def _checks(cases: Mapping[str, Any]) -> Iterator[tuple[GroupCheck, Mapping[str, Any]]]:
    """What compares which cases of a file."""
    if "in" in cases:
        yield synthesis_cases, cases
        return
    left = dict(cases)
    for start, check in CHECKS.items():
        chosen = {name: left.pop(name) for name in cases if name.startswith(start)}
        if chosen:
            yield check, chosen
    if left:
        yield misc_cases, left
