"""The corpus: no attack is missed, no honest file is refused, nothing is ever run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.security.attacks.assembler import call, whole
from tests.security.attacks.case import Case
from tests.security.attacks.corpus import attacks
from tests.security.opinions import TOOLS, Opinion, ask_all
from voicescan import Report, scan

_SECONDS = 2.0


@dataclass(frozen=True)
class Seen:
    """A file of the corpus, where it lies, and what voicescan says of it.

    Attributes:
        case: without its content, which is kept on the disk only.
        ends: of the content, by which files are told apart.
        seconds: of processor time that the scan took.
    """

    case: Case
    path: Path
    size: int
    ends: bytes
    report: Report
    seconds: float


def _seen(folder: Path, corpus: Iterable[Case]) -> list[Seen]:
    """Every file written, in a folder of its own, and scanned."""
    found = []
    for number, case in enumerate(corpus):
        path = folder / str(number) / case.filename
        path.parent.mkdir()
        path.write_bytes(case.content)
        start = time.process_time()
        report = scan(path)
        seconds, ends = time.process_time() - start, case.content[:4096] + case.content[-4096:]
        found.append(Seen(replace(case, content=b""), path, len(case.content), ends, report, seconds))
    return found


@pytest.fixture(scope="module")
def marker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What every attack would make."""
    return tmp_path_factory.mktemp("marker") / "marker"


@pytest.fixture(scope="module")
def attacked(marker: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    return _seen(tmp_path_factory.mktemp("attacks"), attacks(marker))


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    return _seen(tmp_path_factory.mktemp("honest"), _benign())


def _benign() -> Iterator[Case]:
    """Imported late: torch is needed to write them only."""
    from tests.security.attacks.benign import benign
    from tests.security.attacks.benign_more import benign_more

    yield from benign()
    yield from benign_more()


def _judge(case: Case, report: Report) -> str | None:
    if report.verdict == "clean":
        return f"{case.family}/{case.name} passed as clean"
    if case.expected == "malicious" and report.verdict != "malicious":
        return f"{case.family}/{case.name} is only {report.verdict}: {[one.rule for one in report.findings[:3]]}"
    if any(one.rule == "scanner-failed" for one in report.findings):
        return f"{case.family}/{case.name} makes the scanner fail: {report.findings[0].message_en}"
    if not all(one.message_en and one.message_zh for one in report.findings):
        return f"{case.family}/{case.name} is not explained"
    return None


@pytest.mark.timeout(1800)
def test_every_attack_is_refused_and_none_runs(attacked: list[Seen], marker: Path) -> None:
    families = Counter(seen.case.family for seen in attacked)
    wrong = [said for seen in attacked if (said := _judge(seen.case, seen.report))]
    wrong += [
        f"{seen.case.family}/{seen.case.name} took {seen.seconds:.1f} s"
        for seen in attacked
        if seen.seconds > _SECONDS * max(1.0, seen.size / 1e6)
    ]
    assert not wrong, "\n".join(wrong)
    assert sum(families.values()) >= 250
    assert len({seen.ends for seen in attacked}) >= 250
    assert len(families) >= 15
    assert not marker.exists()


def test_payload_of_the_corpus_is_live(tmp_path: Path) -> None:
    """The control: loaded by a real unpickler, the same payload does create its marker."""
    marker = tmp_path / "marker"
    attack = whole(call("os", "system", f"touch {marker}"))
    subprocess.run([sys.executable, "-c", "import pickle,sys; pickle.load(sys.stdin.buffer)"], input=attack, check=True)
    assert marker.exists()


@pytest.mark.timeout(1800)
def test_every_honest_file_is_clean(honest: list[Seen]) -> None:
    refused = [
        f"{seen.case.family}/{seen.case.name}: {[str(one.place) + one.message_en for one in seen.report.findings[:2]]}"
        for seen in honest
        if seen.report.verdict != "clean"
    ]
    assert not refused, "\n".join(refused)
    assert len(honest) >= 200


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_beside_the_other_scanners(
    attacked: list[Seen], honest: list[Seen], marker: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What picklescan, modelscan and fickling say of the same files in the same run: shown, never decisive."""
    opinions = [Opinion(tool) for tool in TOOLS]
    said: dict[str, Counter[str]] = {
        f"{kind} {tool}": Counter() for kind in ("attacks", "honest") for tool in ("voicescan", *TOOLS)
    }
    try:
        for kind, corpus in (("attacks", attacked), ("honest", honest)):
            for seen in corpus:
                said[f"{kind} voicescan"]["clean" if seen.report.verdict == "clean" else "flagged"] += 1
                for tool, answer in ask_all(opinions, seen.path).items():
                    said[f"{kind} {tool}"][answer] += 1
    finally:
        for opinion in opinions:
            opinion.close()
    with capsys.disabled():
        print(f"\n{'files and scanner':24}{'flagged':>9}{'clean':>9}{'no answer':>11}")
        for name, answers in said.items():
            print(f"{name:24}{answers['flagged']:9}{answers['clean']:9}{answers['no answer']:11}")
    assert said["attacks voicescan"]["clean"] == 0
    assert said["honest voicescan"]["flagged"] == 0
    assert not marker.exists()
