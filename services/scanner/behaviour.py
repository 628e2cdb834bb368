"""The behaviour test: the export is loaded and speaks a few tokens, behind both walls."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

from services.common.objects import Area, ObjectStore
from services.scanner.domain import outcomes
from services.scanner.domain.findings import CRITICAL, INFO, Finding
from services.scanner.sandbox import Job, Limits, Outcome, SandboxUnavailable, Walls
from services.scanner.sandbox.channel import Frame
from services.scanner.workplace import workplace
from services.stubs.voicehub.inference.v1 import inference_pb2

log = logging.getLogger(__name__)
WORKER = "services.scanner.workers.behaviour"
# The clock is generous, because a busy machine is no fault of the voice; the processor limit decides.
LIMITS = Limits(cpu_seconds=120, wall_seconds=900.0, output=1 << 20)
_NO_OUTER_WALL = (
    "Not auditionable here: the behaviour test needs bubblewrap, and it does not work on this hub; ask the operator to "
    "install it. / 此处无法试听：行为测试需要 bubblewrap，而本站无法使用它；请联系管理员安装。"
)


@dataclass(frozen=True)
class Tested:
    """Outcome `passed`, `failed` or `not-run`, what was found, and what was seen (seconds, peak, attempts ...)."""

    outcome: str
    findings: tuple[Finding, ...] = ()
    observed: dict[str, Any] = field(default_factory=dict)
    not_auditionable: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {
            "outcome": self.outcome,
            "findings": [finding.as_json() for finding in self.findings],
            "observed": self.observed,
            "not_auditionable": self.not_auditionable,
        }


class BehaviourTest:
    """Tests exports."""

    def __init__(self, objects: ObjectStore, sandbox: Walls) -> None:
        self._objects, self._sandbox = objects, sandbox

    def test(self, export: inference_pb2.ExportCompleted) -> Tested:
        """Runs the export of a version behind the walls; an export that says why it cannot speak is not run."""
        if export.not_auditionable:
            return Tested("not-run", not_auditionable=export.not_auditionable)
        observed: dict[str, Any] = {}

        def receive(frame: Frame) -> None:
            if frame.header.get("kind") == "observed":
                observed.update(frame.header["values"])

        with workplace() as place:
            for file in export.bundle:
                place.lay(self._objects, Area.SERVED, file.object.digest, f"bundle/{file.path}")
            for file in export.files:
                place.lay(self._objects, Area.SERVED, file.object.digest, f"files/{file.path}")
            job = Job(WORKER, {"root": str(place.inputs)}, place.inputs, LIMITS, needs_outer=True)
            try:
                outcome = self._sandbox.run(job, receive)
            except SandboxUnavailable as error:
                return Tested("not-run", observed={"refused": str(error)}, not_auditionable=_NO_OUTER_WALL)
        if not outcome.finished:
            log.warning("behaviour test ended early", extra={"status": outcome.status, "stderr": outcome.stderr})
        return judge(outcome, observed)


def judge(outcome: Outcome, observed: dict[str, Any]) -> Tested:
    """NaN, crashes, exhausted limits and attempts at the walls decide; silence is a note."""
    deciding = [*outcomes.ending(outcome, "behaviour"), *outcomes.attempts(outcome, "behaviour")]
    if observed.get("broken"):
        deciding.append(_broken(str(observed["broken"])))
    if observed.get("not_finite"):
        deciding.append(_not_finite())
    notes = [_silent()] if observed.get("silent") else []
    seen = {
        **observed,
        "wall_seconds": round(outcome.seconds, 3),
        "status": outcome.status,
        "walls": dict(outcome.walls),
        "attempts": [f"{a.syscall}: {a.detail}" for a in outcome.attempts[:32]],
    }
    return Tested("failed" if deciding else "passed", (*deciding, *notes), seen)


def _broken(reason: str) -> Finding:
    return Finding(
        "behaviour-broken",
        "behaviour",
        CRITICAL,
        f"The exported voice cannot be loaded or run: {reason}",
        f"导出的声音无法加载或运行：{reason}",
    )


def _not_finite() -> Finding:
    return Finding(
        "behaviour-not-finite",
        "behaviour",
        CRITICAL,
        "The voice produces numbers that are not finite (NaN or infinity): its weights are damaged. Train it again.",
        "声音输出了非有限数值（NaN 或无穷大），权重已损坏。请重新训练或重新保存。",
    )


def _silent() -> Finding:
    return Finding(
        "behaviour-silent",
        "behaviour",
        INFO,
        "The voice made only silence in the test. It is published all the same; listen to it before you use it.",
        "测试中声音只输出了静音。仍会发布；使用前请先试听。",
    )
