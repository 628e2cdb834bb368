"""Exports: decides whether a scanned version can speak here, and has a torch process make its ONNX bundle."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from services.common.objects import Area, ObjectStore
from services.common.objects.port import chunks_of
from services.inference.domain import auditionable
from services.inference.domain.voices import StoredFile, Voice, choose_prompt
from services.inference.export_worker import AWAY
from services.inference.registry import BaseRegistry, RegisteredBase
from services.stubs.voicehub.scanner.v1 import scanner_pb2

log = logging.getLogger(__name__)
WORKER = "services.inference.export_worker"
WALL_SECONDS = 900
TRIES, PAUSE_SECONDS = 3, 5.0
"""Of a worker that is killed: it tells of the machine, as when memory is short, and not of the voice."""


@dataclass(frozen=True)
class Export:
    """A voice, the largest difference of each of its graphs to torch, and whether it `waits` for a base."""

    voice: Voice
    parity: Mapping[str, float] = field(default_factory=dict)
    waits: bool = False


@dataclass(frozen=True)
class _Judgement:
    """A version before its export: the voice, why there is no export (empty if nothing), and whether a base lacks."""

    voice: Voice
    obstacle: str
    waits: bool = False


class _Killed(Exception):
    """The worker was ended by a signal, which is named."""


class Exporter:
    """Makes exports, in a folder of its own: what a service that was killed left there goes."""

    def __init__(
        self, objects: ObjectStore, objects_url: str, bases: BaseRegistry, folder: Path, default_base: str = ""
    ) -> None:
        self._objects, self._objects_url, self._folder = objects, objects_url, folder
        self._bases, self._default_base = bases, default_base
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def export(self, scan: scanner_pb2.StaticScanCompleted) -> Export:
        """The bundle of a clean version in the served area, or a voice that says why there is none."""
        judged = self._judge(scan)
        voice = judged.voice
        if judged.obstacle or not has_exporter():
            return Export(_silent(voice, judged.obstacle or auditionable.NO_EXPORTER), waits=judged.waits)
        for attempt in range(1, TRIES + 1):
            try:
                return self._exported(scan, voice)
            except _Killed as killed:
                log.warning("export killed", extra={"version": scan.version_id, "signal": str(killed)})
                reason = f"Its process was ended ({killed}) {TRIES} times; the machine may have too little memory."
            if attempt < TRIES:
                time.sleep(PAUSE_SECONDS)
        return Export(_silent(voice, auditionable.export_failed(reason)))

    def _exported(self, scan: scanner_pb2.StaticScanCompleted, voice: Voice) -> Export:
        with tempfile.TemporaryDirectory(prefix=f"{scan.version_id}-", dir=self._folder) as folder:
            reason = self._run(scan, voice, Path(folder))
            if reason:
                return Export(_silent(voice, auditionable.export_failed(reason)))
            return self._keep(voice, Path(folder) / "bundle")

    def could_export(self, scan: scanner_pb2.StaticScanCompleted) -> bool:
        """Whether everything that the version needs is here now."""
        return not self._judge(scan).obstacle and has_exporter()

    def _judge(self, scan: scanner_pb2.StaticScanCompleted) -> _Judgement:
        files = tuple(StoredFile(f.path, f.object.digest, f.object.size) for f in scan.files)
        card = whole_numbers(json_format.MessageToDict(scan.card))
        prompt = choose_prompt(files, card)
        stages = {tensor.name.split("/")[0] for tensor in scan.tensors}
        obstacle = auditionable.version_obstacle(scan.family, sorted(stages)) or auditionable.prompt_obstacle(
            scan.family, prompt
        )
        requires, encodes = self._bind_bert(scan), not obstacle and prompt is not None and prompt.needs_encoder
        if encodes:
            requires, obstacle = self._bind_encoder(scan, requires, str(card.get("base", "")))
        voice = Voice(scan.version_id, scan.family, (), files, requires, card)
        return _Judgement(voice, obstacle, waits=encodes and bool(obstacle))

    def _bind_encoder(
        self, scan: scanner_pb2.StaticScanCompleted, requires: dict[str, str], chosen: str
    ) -> tuple[dict[str, str], str]:
        """The requirement with the digest of the registered encoder, or why there is none."""
        required = requires.get("content_encoder", "")
        width = auditionable.feature_dim_of({tensor.name: tensor.shape for tensor in scan.tensors})
        fitting = narrowed(self._bases.encoders(required, scan.family, width), chosen, self._default_base)
        if len(fitting) != 1:
            return requires, auditionable.encoder_obstacle(
                required, width, [f"{b.name} {b.digest[:12]}" for b in fitting]
            )
        return {**requires, "content_encoder": fitting[0].digest}, ""

    def _bind_bert(self, scan: scanner_pb2.StaticScanCompleted) -> dict[str, str]:
        """The requirements with the digest of the only BERT that fits; without one Mandarin has plainer prosody."""
        requires = dict(scan.requires)
        shapes = {tensor.name: tensor.shape for tensor in scan.tensors}
        if "bert" in requires:
            fitting = self._bases.berts(requires["bert"], auditionable.bert_dim_of(shapes))
            if len(fitting) == 1:
                requires["bert"] = fitting[0].digest
        return requires

    def _run(self, scan: scanner_pb2.StaticScanCompleted, voice: Voice, folder: Path) -> str:
        """Runs the worker; answers why it failed, or nothing. ConnectionError if the object store was away, _Killed."""
        tensors = [{"name": t.name, "dtype": t.dtype, "shape": list(t.shape), "digest": t.digest} for t in scan.tensors]
        order = {
            "objects_url": self._objects_url,
            "family": scan.family,
            "tensors": tensors,
            "configs": whole_numbers(json_format.MessageToDict(scan.configs)),
            "requires": dict(voice.requires),
            "out": str(folder / "bundle"),
        }
        path = folder / "order.json"
        path.write_text(json.dumps(order))
        command = [sys.executable, "-m", WORKER, str(path)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "ORT_DISABLE_TELEMETRY": "1"}
        try:
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=WALL_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"It took longer than {WALL_SECONDS} seconds."
        if done.returncode == 0:
            return ""
        if done.returncode == AWAY:
            raise ConnectionError(done.stdout.strip())
        if done.returncode < 0:
            raise _Killed(signal.Signals(-done.returncode).name)
        log.warning("export failed", extra={"version": scan.version_id, "stderr": done.stderr[-4000:]})
        return done.stdout.strip()[-500:] or "The exporter crashed; the operator finds the reason in the log."

    def _keep(self, voice: Voice, bundle: Path) -> Export:
        kept = []
        for path in sorted(p for p in bundle.rglob("*") if p.is_file()):
            with path.open("rb") as stream:
                info = self._objects.put(Area.SERVED, chunks_of(stream))
            kept.append(StoredFile(path.relative_to(bundle).as_posix(), info.digest, info.size))
        spoken = Voice(voice.version_id, voice.family, tuple(kept), voice.files, voice.requires, voice.card)
        return Export(spoken, _parity(json.loads((bundle / "bundle.json").read_text())))


def narrowed(fitting: list[RegisteredBase], chosen: str, default: str) -> list[RegisteredBase]:
    """Of several encoders the one that the card names, else the one that comes with the program."""
    for wanted in ({chosen}, {default}):
        named = [base for base in fitting if wanted & {base.name, base.digest}]
        if len(fitting) > 1 and named:
            fitting = named
    return fitting


def has_exporter() -> bool:
    """Whether torch and the ONNX writer are installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("torch", "onnx"))


def whole_numbers(value: Any) -> Any:
    """Undoes what a protobuf Struct does to integers: 192.0 becomes 192 again."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return value


def _silent(voice: Voice, why: str) -> Voice:
    return Voice(voice.version_id, voice.family, (), voice.files, voice.requires, voice.card, why)


def _parity(header: Mapping[str, Any]) -> dict[str, float]:
    compared = {name: entry.get("compared_with_torch", {}) for name, entry in header["graphs"].items()}
    return {name: float(entry["max_error"]) for name, entry in compared.items() if "max_error" in entry}
