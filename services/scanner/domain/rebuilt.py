"""What the scan of each file brought, and how the files of a version add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from services.scanner.domain.findings import INFO, WARNING, Finding, worst

STAGES = ("s1", "s2")


@dataclass(frozen=True)
class SpooledTensor:
    """A rebuilt tensor, its little-endian row-major bytes in a file of ours. `dtype` is numpy's name."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    content: Path


@dataclass(frozen=True)
class SpooledFile:
    """A rebuilt prompt or lexicon: its path in the version, the upload it came from, and its bytes."""

    path: str
    filename: str
    content: Path


@dataclass
class FilePart:
    """One uploaded file after its scan.

    Attributes:
        stage: `s1` or `s2` for a checkpoint, told by its content; empty for other files.
        family: of a stage-2 file: `v1` to `v4`, `v2Pro`, `v2ProPlus`, `nano`.
    """

    filename: str
    verdict: str = "unreadable"
    findings: list[Finding] = field(default_factory=list)
    stripped: list[str] = field(default_factory=list)
    stage: str = ""
    family: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    tensors: list[SpooledTensor] = field(default_factory=list)
    files: list[SpooledFile] = field(default_factory=list)


@dataclass(frozen=True)
class Whole:
    """The files of a version together."""

    verdict: str
    findings: tuple[Finding, ...]
    stripped: tuple[str, ...]
    family: str
    configs: dict[str, dict[str, Any]]


def put_together(parts: Sequence[FilePart]) -> Whole:
    """Verdict, family and configs of a version; two files of one stage make it unreadable."""
    extra = [*_doubled(parts), *_missing(parts)]
    verdict = worst([*(p.verdict for p in parts), *("unreadable" for f in extra if f.severity != INFO)])
    return Whole(
        verdict=verdict,
        findings=tuple(finding for part in parts for finding in part.findings) + tuple(extra),
        stripped=tuple(f"{part.filename}: {what}" for part in parts for what in part.stripped),
        family=next((p.family for p in parts if p.stage == "s2"), ""),
        configs={p.stage: p.config for p in parts if p.stage},
    )


def distinct(parts: Iterable[FilePart]) -> list[SpooledFile]:
    """All rebuilt files, those with a path that is taken already under a numbered one."""
    taken: dict[str, SpooledFile] = {}
    for file in (file for part in parts for file in part.files):
        path, number = PurePosixPath(file.path), 2
        while str(path) in taken:
            path, number = path.with_stem(f"{PurePosixPath(file.path).stem}-{number}"), number + 1
        taken[str(path)] = replace(file, path=str(path))
    return list(taken.values())


def _doubled(parts: Iterable[FilePart]) -> list[Finding]:
    stages = [part.stage for part in parts if part.stage]
    return [
        Finding(
            "stage-twice",
            "version",
            WARNING,
            f"The version has two {stage} files; push one stage-1 and one stage-2 file.",
            f"该版本包含两个 {stage} 文件；请只上传一个第一阶段文件和一个第二阶段文件。",
        )
        for stage in STAGES
        if stages.count(stage) > 1
    ]


def _missing(parts: Sequence[FilePart]) -> list[Finding]:
    if any(part.verdict != "clean" for part in parts):
        return []
    found = {part.stage for part in parts}
    return [
        Finding(
            "stage-missing",
            "version",
            INFO,
            f"The version has no {stage} file, so it cannot speak; it is stored and delivered as it is.",
            f"该版本缺少 {stage} 文件，无法发声；将按原样存储与交付。",
        )
        for stage in STAGES
        if stage not in found
    ]
