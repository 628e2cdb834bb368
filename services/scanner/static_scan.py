"""The static scan of a version: every file in a sandbox of its own; nothing is stored before all are clean."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from google.protobuf import json_format

from gptsovits.text import symbols
from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.scanner import messages
from services.scanner.domain import outcomes
from services.scanner.domain.findings import WARNING, Finding, worst
from services.scanner.domain.rebuilt import STAGES, FilePart, SpooledFile, SpooledTensor, Whole, distinct, put_together
from services.scanner.domain.requires import requirements
from services.scanner.domain.symbol_tables import digest_of
from services.scanner.sandbox import Job, Limits, SandboxUnavailable, Walls
from services.scanner.sandbox.channel import Frame
from services.scanner.workplace import Workplace, workplace
from services.stubs.voicehub.catalog.v1 import events_pb2
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2

log = logging.getLogger(__name__)
WORKERS = {
    "s1": "services.scanner.workers.checkpoint",
    "s2": "services.scanner.workers.checkpoint",
    "prompt": "services.scanner.workers.prompt",
    "lexicon": "services.scanner.workers.lexicon",
}
# The clock is generous, because a busy machine is no fault of the file; the processor limit decides.
LIMITS = Limits(cpu_seconds=120, wall_seconds=900.0)
UNDECIDED = frozenset({"upload-missing", "sandbox-unavailable"})
"""Rules that say nothing about a file: it could not be looked at."""
AT_ONCE = 2
WRITES_AT_ONCE = 16
_DTYPE = re.compile(r"[a-z]+[0-9]{0,3}(_[a-z0-9]+)?")


@dataclass(frozen=True)
class Completed:
    """The scan of a version; tensors and files are in the served area already, and only if it is clean."""

    whole: Whole
    tensors: tuple[common_pb2.Tensor, ...]
    files: tuple[scanner_pb2.RebuiltFile, ...]
    renamed: dict[str, str]
    requires: dict[str, str]

    @property
    def verdict(self) -> str:
        """`clean`, `suspicious`, `malicious` or `unreadable`."""
        return self.whole.verdict

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings."""
        return self.whole.findings

    @property
    def stripped(self) -> tuple[str, ...]:
        """What the rebuild left out."""
        return self.whole.stripped

    def message(self, pushed: events_pb2.VersionPushed) -> scanner_pb2.StaticScanCompleted:
        """The event; of a version that is not clean it tells the findings only."""
        message = scanner_pb2.StaticScanCompleted(
            version_id=pushed.version_id,
            verdict=self.verdict,
            findings=messages.findings(self.findings),
            stripped=self.stripped,
            family=self.whole.family,
            tensors=self.tensors,
            files=self.files,
            requires=self.requires,
            card=messages.struct(_renamed(_card(pushed), self.renamed)),
        )
        if self.verdict == "clean":
            message.configs.CopyFrom(messages.struct(self.whole.configs))
        return message


class StaticScanner:
    """Scans and rebuilds uploads."""

    def __init__(self, objects: ObjectStore, sandbox: Walls) -> None:
        self._objects, self._sandbox = objects, sandbox

    def scan(self, pushed: events_pb2.VersionPushed) -> Completed:
        """Scans all files of a pushed version."""
        with workplace() as place, ThreadPoolExecutor(AT_ONCE) as pool:
            parts = list(pool.map(lambda item: self._scan_file(place, *item), enumerate(pushed.files)))
            whole = put_together(parts)
            if whole.verdict != "clean":
                return Completed(whole, (), (), {}, {})
            tensors = self._keep_tensors(parts)
            files = [(file, self._keep_file(file)) for file in distinct(parts)]
        needed = requirements(whole.family, whole.configs, _card(pushed), digest_of(symbols.V2))
        renamed = {file.filename: file.path for file, _ in files}
        return Completed(whole, tensors, tuple(kept for _, kept in files), renamed, needed)

    def _scan_file(self, place: Workplace, index: int, file: common_pb2.UploadedFile) -> FilePart:
        part = FilePart(file.filename)
        if file.role not in WORKERS:
            part.findings.append(_no_place(file))
            return part
        spool = place.spool / str(index)
        spool.mkdir()
        try:
            path = place.lay(self._objects, Area.QUARANTINE, file.object.digest, f"{index}/upload")
        except KeyError:
            part.findings.append(_lost(file.filename))
            return part
        argument = {"path": str(path), "filename": file.filename}
        reader = _Reader(part, spool)
        try:
            outcome = self._sandbox.run(Job(WORKERS[file.role], argument, path.parent, LIMITS), reader.take)
        except SandboxUnavailable:
            log.exception("no walls, no scan")
            part.findings.append(_no_walls(file.filename))
            return part
        if not outcome.finished:
            log.warning("scan ended early", extra={"status": outcome.status, "stderr": outcome.stderr})
        part.findings += outcomes.ending(outcome, file.filename) + outcomes.attempts(outcome, file.filename)
        if outcome.attempts:
            part.verdict = "malicious"
        elif not outcome.finished:
            part.verdict = worst([part.verdict, "unreadable"])
        return part

    def _keep_tensors(self, parts: Sequence[FilePart]) -> tuple[common_pb2.Tensor, ...]:
        """Hundreds of small durable writes: side by side they share the waits for the disk."""
        found = [(part.stage, tensor) for part in parts for tensor in part.tensors]
        with ThreadPoolExecutor(WRITES_AT_ONCE) as pool:
            return tuple(pool.map(lambda item: self._keep_tensor(*item), found))

    def _keep_tensor(self, stage: str, tensor: SpooledTensor) -> common_pb2.Tensor:
        with tensor.content.open("rb") as stream:
            kept = self._objects.put(Area.SERVED, chunks_of(stream))
        return common_pb2.Tensor(
            name=f"{stage}/{tensor.name}", dtype=tensor.dtype, shape=tensor.shape, digest=kept.digest, size=kept.size
        )

    def _keep_file(self, file: SpooledFile) -> scanner_pb2.RebuiltFile:
        with file.content.open("rb") as stream:
            kept = self._objects.put(Area.SERVED, chunks_of(stream))
        reference = common_pb2.ObjectRef(digest=kept.digest, size=kept.size)
        return scanner_pb2.RebuiltFile(path=file.path, object=reference)


class _Reader:
    """Takes the frames of one worker. The worker read hostile bytes, so its words are checked like a stranger's."""

    def __init__(self, part: FilePart, spool: Path) -> None:
        self._part, self._spool, self._count = part, spool, 0

    def take(self, frame: Frame) -> None:
        """Files one frame under what it is; unknown kinds are dropped."""
        header = frame.header
        if header.get("kind") == "verdict":
            self._take_verdict(header)
        elif header.get("kind") == "tensor" and self._part.stage in STAGES:
            shape = tuple(int(n) for n in header["shape"])
            self._part.tensors.append(SpooledTensor(str(header["name"]), _dtype(header), shape, self._spooled(frame)))
        elif header.get("kind") == "file":
            self._part.files.append(SpooledFile(_safe_path(header), self._part.filename, self._spooled(frame)))

    def _take_verdict(self, header: dict[str, Any]) -> None:
        part = self._part
        part.verdict = worst([str(header["verdict"])])
        part.findings += [Finding.from_json(found) for found in header["findings"]]
        part.stripped += [str(what)[:500] for what in header.get("stripped", ())]
        part.stage = str(header.get("stage", "")) if header.get("stage") in STAGES else ""
        part.family = str(header.get("family", ""))
        part.config = dict(header.get("config") or {})

    def _spooled(self, frame: Frame) -> Path:
        self._count += 1
        path = self._spool / str(self._count)
        with path.open("wb") as file:
            file.writelines(frame.pieces())
        return path


def _dtype(header: dict[str, Any]) -> str:
    name = str(header["dtype"])
    if not _DTYPE.fullmatch(name):
        raise ValueError(f"{name!r} is no element type")
    return name


def _safe_path(header: dict[str, Any]) -> str:
    path = PurePosixPath(str(header["path"]))
    if path.is_absolute() or ".." in path.parts or len(path.parts) > 2:
        raise ValueError(f"{path} is no path inside a version")
    return str(path)


def _no_walls(filename: str) -> Finding:
    return Finding(
        "sandbox-unavailable",
        filename,
        WARNING,
        "The scanner of this hub cannot put up its walls and did not open the file; tell the operator and push again.",
        "本站扫描器无法建立沙箱，文件未被打开；请联系管理员，之后重新上传。",
    )


def _lost(filename: str) -> Finding:
    return Finding(
        "upload-missing",
        filename,
        WARNING,
        "The upload is not there any more; push it again.",
        "上传的文件已不存在，请重新上传。",
    )


def _no_place(file: common_pb2.UploadedFile) -> Finding:
    return Finding(
        "role",
        file.filename,
        WARNING,
        f"A file of the role {file.role!r} has no place in a voice; use {', '.join(WORKERS)}.",
        f"声音中没有角色为 {file.role!r} 的文件；可用角色为 {'、'.join(WORKERS)}。",
    )


def _card(pushed: events_pb2.VersionPushed) -> dict[str, Any]:
    return dict(json_format.MessageToDict(pushed.card))


def _renamed(card: dict[str, Any], renamed: dict[str, str]) -> dict[str, Any]:
    """The card with its prompts pointing to the rebuilt files."""
    prompts = card.get("prompts")
    if not isinstance(prompts, list):
        return card
    pointed = [{**p, "file": renamed.get(str(p.get("file", "")), p.get("file", ""))} for p in prompts]
    return {**card, "prompts": pointed}
