"""`python -m tools.suites [NAME…]`: runs the test suites, each with its time and its budget, and counts honestly.

Two suites run at a time, the longest first, because much of their time is spent waiting for engines that start or are
killed; what a suite says is printed when it has ended.

The last line is `N passed, N failed`. A skipped test has not been run: with `REQUIRE_ALL=1` it fails the run unless
tests/cannot-run-here.toml lists it with a requirement this machine does not meet. A suite that does not exist yet is
named as such.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tools.requirements import Listed, not_runnable
from tools.scratch import scratch

RESULTS = Path("build/tests")
AT_ONCE = 2
HOME_PACKAGES = ("services", "gptsovits", "voicescan", "sdk", "operator", "tools", "bench")


@dataclass(frozen=True)
class Suite:
    """A name, where its tests are, and how many seconds it may take on two cores.

    Attributes:
        in_memory: whether its tests may write there; not where they write gigabytes.
    """

    name: str
    budget: int
    paths: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    in_memory: bool = True

    def existing(self) -> list[str]:
        """The paths in which there is a test."""
        return [p for p in self.paths if Path(p).is_dir() and any(Path(p).rglob("test_*.py"))]


SUITES = (
    Suite("unit", 960, HOME_PACKAGES),
    Suite("contract", 190, ("tests/contract",)),
    Suite("e2e", 1020, ("tests/e2e",)),
    Suite("engines", 1120, ("tests/engines",)),
    Suite("security", 410, ("tests/security",)),
    Suite("browser", 100, ("tests/browser",)),
    Suite("cluster", 920, ("tests/cluster",), in_memory=False),  # the images of the hub
)
"""Two at a time, the budgets are 40 minutes in all."""


@dataclass
class Outcome:
    """What a suite did: counts, names of what was not run and of what failed, seconds."""

    suite: Suite
    seconds: float = 0.0
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    exists: bool = True

    @property
    def over_budget(self) -> bool:
        """Whether it took longer than it may."""
        return self.seconds > self.suite.budget


def run_suite(suite: Suite, left_out: Sequence[Listed]) -> Outcome:
    """Runs one suite in a process of its own."""
    paths = suite.existing()
    if not paths:
        return Outcome(suite, exists=False)
    RESULTS.mkdir(parents=True, exist_ok=True)
    report = RESULTS / f"{suite.name}.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", *paths, *suite.arguments, f"--junitxml={report}", "--durations=5"]
    command += ["--override-ini=tmp_path_retention_policy=failed"]  # what has passed gives its room back
    command += [f"--deselect={one.id}" for one in left_out]
    begin = time.monotonic()
    with (RESULTS / f"{suite.name}.log").open("w") as said, scratch(suite.name, allowed=suite.in_memory) as place:
        environment = {**_environment(), **place}
        code = subprocess.run(command, env=environment, stdout=said, stderr=said, check=False).returncode
    outcome = Outcome(suite, time.monotonic() - begin)
    _count(outcome, report, code)
    return outcome


def run_all(suites: Sequence[Suite], left_out: Sequence[Listed]) -> list[Outcome]:
    """The outcomes in the order of `suites`."""
    outcomes: dict[str, Outcome] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        longest_first = sorted(suites, key=lambda suite: -suite.budget)
        running = [pool.submit(run_suite, suite, left_out) for suite in longest_first]
        for ended in as_completed(running):
            outcome = ended.result()
            outcomes[outcome.suite.name] = outcome
            _tell(outcome)
    return [outcomes[suite.name] for suite in suites]


def _tell(outcome: Outcome) -> None:
    print(f"== {outcome.suite.name} ({outcome.seconds:.0f} s, budget {outcome.suite.budget} s)")
    log = RESULTS / f"{outcome.suite.name}.log"
    if outcome.exists:
        print(log.read_text(errors="replace"), flush=True)


def _environment() -> dict[str, str]:
    calm = {
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    return {**calm, **os.environ}


def _count(outcome: Outcome, report: Path, code: int) -> None:
    if not report.exists():
        outcome.failed.append(f"{outcome.suite.name}: pytest ended with {code} and no report")
        return
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 (written by our own pytest)
        name = f"{case.get('classname', '')}::{case.get('name', '')}"
        if case.find("failure") is not None or case.find("error") is not None:
            outcome.failed.append(name)
        elif case.find("skipped") is not None:
            outcome.not_run.append(name)
        else:
            outcome.passed += 1
    if code not in (0, 1, 5) and not outcome.failed:
        outcome.failed.append(f"{outcome.suite.name}: pytest ended with {code}")


def conclude(outcomes: Sequence[Outcome], left_out: Sequence[Listed], require_all: bool) -> int:
    """Prints the table and the last line; answers the exit code."""
    print(f"\n{'suite':<10}{'seconds':>9}{'budget':>8}{'passed':>8}{'failed':>8}{'not run':>9}")
    for one in outcomes:
        if not one.exists:
            print(f"{one.suite.name:<10}  has no tests yet")
            continue
        late = "  over budget" if one.over_budget else ""
        counts = f"{one.passed:>8}{len(one.failed):>8}{len(one.not_run):>9}"
        print(f"{one.suite.name:<10}{one.seconds:>9.0f}{one.suite.budget:>8}{counts}{late}")
    for listed in left_out:
        print(f"not run here: {listed.id} (requires {listed.requires})")
    failed = [name for one in outcomes for name in one.failed]
    silent = [name for one in outcomes for name in one.not_run]
    for name in silent:
        print(f"not run: {name}{' (REQUIRE_ALL: counts as failed)' if require_all else ''}")
    for name in failed:
        print(f"failed: {name}")
    wrong = len(failed) + (len(silent) if require_all else 0)
    print(f"{sum(one.passed for one in outcomes)} passed, {wrong} failed")
    return 1 if wrong else 0


def main(names: Sequence[str]) -> int:
    """Runs the named suites, or all."""
    known = {suite.name: suite for suite in SUITES}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"Unknown suite {', '.join(unknown)}; there are: {', '.join(known)}.", file=sys.stderr)
        return 2
    left_out = not_runnable()
    chosen = [known[name] for name in names] or list(SUITES)
    begin = time.monotonic()
    outcomes = run_all(chosen, left_out)
    print(f"\n{len(chosen)} suites in {time.monotonic() - begin:.0f} s, {AT_ONCE} at a time", flush=True)
    return conclude(outcomes, left_out, os.environ.get("REQUIRE_ALL") == "1")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
