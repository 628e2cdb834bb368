"""The corpus: no attack is missed, no honest file is refused, nothing is ever run."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.attacks.assembler import call, whole
from tests.security.attacks.case import Case
from tests.security.attacks.corpus import attacks
from tests.security.opinions import TOOLS, Opinion
from voicescan import Report, scan

_SECONDS = 2.0


def _write(folder: Path, case: Case) -> Path:
    path = folder / case.filename
    path.write_bytes(case.content)
    return path


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
    if not all(one.message_en and one.message_zh for one in report.findings):
        return f"{case.family}/{case.name} is not explained"
    return None


@pytest.mark.timeout(1800)
def test_every_attack_is_refused_and_none_runs(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    families: Counter[str] = Counter()
    contents: set[bytes] = set()
    wrong: list[str] = []
    for case in attacks(marker):
        path = _write(tmp_path, case)
        start = time.process_time()
        verdict = _judge(case, scan(path))
        spent = time.process_time() - start
        path.unlink()
        wrong += [verdict] if verdict else []
        if spent > _SECONDS * max(1.0, len(case.content) / 1e6):
            wrong.append(f"{case.family}/{case.name} took {spent:.1f} s")
        families[case.family] += 1
        contents.add(case.content[:4096] + case.content[-4096:])
    assert not wrong, "\n".join(wrong)
    assert sum(families.values()) >= 250
    assert len(contents) >= 250
    assert len(families) >= 15
    assert not marker.exists()


def test_payload_of_the_corpus_is_live(tmp_path: Path) -> None:
    """The control: loaded by a real unpickler, the same payload does create its marker."""
    marker = tmp_path / "marker"
    attack = whole(call("os", "system", f"touch {marker}"))
    subprocess.run([sys.executable, "-c", "import pickle,sys; pickle.load(sys.stdin.buffer)"], input=attack, check=True)
    assert marker.exists()


@pytest.mark.timeout(1800)
def test_every_honest_file_is_clean(tmp_path: Path) -> None:
    refused, count = [], 0
    for case in _benign():
        path = _write(tmp_path, case)
        report = scan(path)
        path.unlink()
        count += 1
        if report.verdict != "clean":
            refused.append(
                f"{case.family}/{case.name}: {[str(one.place) + one.message_en for one in report.findings[:2]]}"
            )
    assert not refused, "\n".join(refused)
    assert count >= 200


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_beside_the_other_scanners(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What picklescan, modelscan and fickling say of the same files in the same run: shown, never decisive."""
    marker, opinions = tmp_path / "marker", [Opinion(tool) for tool in TOOLS]
    said: dict[str, Counter[str]] = {
        f"{kind} {tool}": Counter() for kind in ("attacks", "honest") for tool in ("voicescan", *TOOLS)
    }
    try:
        for kind, corpus in (("attacks", attacks(marker)), ("honest", _benign())):
            for case in corpus:
                path = _write(tmp_path, case)
                said[f"{kind} voicescan"]["clean" if scan(path).verdict == "clean" else "flagged"] += 1
                for opinion in opinions:
                    said[f"{kind} {opinion.tool}"][opinion.ask(path)] += 1
                path.unlink()
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
