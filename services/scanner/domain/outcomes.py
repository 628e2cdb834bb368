"""How a sandboxed run that did not simply finish reads as findings."""

from __future__ import annotations

from services.scanner.domain.findings import CRITICAL, WARNING, Finding
from services.scanner.sandbox import Outcome

_SHOWN = 5
_ENDINGS = {
    "timed-out": ("took longer than any honest file", "处理时间超过任何正常文件"),
    "out-of-memory": ("needed more memory than any honest file", "所需内存超过任何正常文件"),
    "too-much-output": ("unfolded to more than any honest file", "展开后的内容超过任何正常文件"),
    "crashed": ("made its reader crash", "导致读取程序崩溃"),
}


def ending(outcome: Outcome, place: str) -> list[Finding]:
    """A finding if the run did not come to its own end."""
    if outcome.finished:
        return []
    english, chinese = _ENDINGS[outcome.status]
    return [
        Finding(
            f"sandbox-{outcome.status}",
            place,
            WARNING,
            f"The file {english}; nothing of it is used.",
            f"文件{chinese}，其内容不予使用。",
        )
    ]


def attempts(outcome: Outcome, place: str) -> list[Finding]:
    """One finding that lists what was tried at the walls."""
    if not outcome.attempts:
        return []
    tried = "; ".join(f"{a.syscall} ({a.detail})" for a in outcome.attempts[:_SHOWN])
    count = len(outcome.attempts)
    return [
        Finding(
            "sandbox-attempt",
            place,
            CRITICAL,
            f"While it was read, the file tried {count} forbidden things, all refused: {tried}.",
            f"读取过程中文件尝试了 {count} 次被禁止的操作，均已拒绝：{tried}。",
        )
    ]
