"""Every recorded case of a directory, found through its manifest; what nothing compares is reported as not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from gptsovits.errors import VoiceError
from gptsovits.parity.misc import misc_cases
from gptsovits.parity.outcome import Outcome
from gptsovits.parity.published import published_cases
from gptsovits.parity.recordings import Group, read_manifest
from gptsovits.parity.stage1 import stage1_cases
from gptsovits.parity.stage2 import pro_cases, stage2_cases
from gptsovits.parity.synthesis import synthesis_cases
from gptsovits.parity.text import text_cases

GroupCheck = Callable[[Group], Iterator[Outcome]]
FAILURES = (VoiceError, ValueError, RuntimeError, LookupError, AttributeError, AssertionError, OSError)
"""What a check may raise on recordings that do not fit; it becomes a line of the report."""


def run_suite(root: Path) -> Iterator[Outcome]:
    """Lines in the order of the manifest, then names and shapes, then text."""
    for file, cases in read_manifest(root)["files"].items():
        label = file.removesuffix(".safetensors")
        seen: set[str] = set()
        reason = ""
        try:
            group = Group(root, file, list(cases))
            for outcome in _check_of(group)(group):
                seen.add(outcome.case)
                yield _labelled(outcome, label)
        except FAILURES as error:
            reason = f"{type(error).__name__}: {error}"
        for name in (name for name in cases if name not in seen):
            yield Outcome(f"{label}: {name}", "not run", note=reason or "nothing compares this case")
    yield from published_cases(root)
    yield from text_cases(root)


def _labelled(outcome: Outcome, label: str) -> Outcome:
    return Outcome(f"{label}: {outcome.case}", outcome.status, outcome.error, outcome.tolerance, outcome.note)


def _check_of(group: Group) -> GroupCheck:
    checks: dict[str, GroupCheck] = {"s1.": stage1_cases, "s2.": stage2_cases, "v2pro.": pro_cases}
    if "in" in group.names:
        return synthesis_cases
    return next((checks[start] for start in checks if group.names[0].startswith(start)), misc_cases)
