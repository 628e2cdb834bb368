"""What other scanners say of a file: one worker process per tool, asked path by path, replaced when it hangs or dies.

All tools look at a file at the same time. One that computes over it for longer than its share of processor time ends.

Run as ``python -m tests.security.opinions TOOL``: reads a path a line, answers ``flagged``, ``clean`` or ``no answer``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

TOOLS = ("picklescan", "modelscan", "fickling")
_PATIENCE = 20.0
_PROCESSOR_SECONDS = 6.0
"""A file; twice what the slowest of those takes that come to an end at all."""


def _picklescan() -> Callable[[str], str]:
    from picklescan.scanner import scan_file_path

    def ask(path: str) -> str:
        result = scan_file_path(path)
        if result.issues_count or result.infected_files:
            return "flagged"
        return "no answer" if result.scan_err or not result.scanned_files else "clean"

    return ask


def _modelscan() -> Callable[[str], str]:
    from modelscan.modelscan import ModelScan

    def ask(path: str) -> str:
        result = ModelScan().scan(path)
        summary = result["summary"]
        if summary["total_issues"]:
            return "flagged"
        return "clean" if summary["scanned"]["total_scanned"] and not result["errors"] else "no answer"

    return ask


def _fickling() -> Callable[[str], str]:
    from fickling import scan_file, scan_zip_archive

    def ask(path: str) -> str:
        with Path(path).open("rb") as file:
            archive = file.read(4)[2:] == b"\x03\x04"
        results = list(scan_zip_archive(path).values()) if archive else [scan_file(path)]
        if not results:
            return "no answer"
        return "clean" if all(result.is_safe for result in results) else "flagged"

    return ask


def main(tool: str) -> None:
    """Answer paths from standard input until it ends."""
    logging.disable(logging.CRITICAL)
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    ask = {"picklescan": _picklescan, "modelscan": _modelscan, "fickling": _fickling}[tool]()
    with (
        Path(os.devnull).open("w") as nowhere,
        contextlib.redirect_stdout(nowhere),
        contextlib.redirect_stderr(nowhere),
    ):
        answers.write("ready\n")
        for line in sys.stdin:
            signal.setitimer(signal.ITIMER_PROF, _PROCESSOR_SECONDS)  # its signal ends the process
            try:
                answers.write(ask(line.rstrip("\n")) + "\n")
            except Exception:  # noqa: BLE001 (foreign tools fail in every way; that is the answer)
                answers.write("no answer\n")


class Opinion:
    """One tool, asked in a process of its own."""

    def __init__(self, tool: str) -> None:
        self.tool = tool
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, path: Path) -> None:
        """Gives it a file, of which `answer` then tells."""
        process = self._running()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has died, and will say nothing
            process.stdin.write(f"{path}\n".encode())
            process.stdin.flush()

    def answer(self) -> str:
        """What the tool says of that file: ``flagged``, ``clean``, or ``no answer`` (skipped, failed, hung)."""
        answer = self._line(_PATIENCE)
        if not answer:
            self.close()
        return answer or "no answer"

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [sys.executable, "-m", "tests.security.opinions", self.tool]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self._line(120)
        return self._process

    def _line(self, seconds: float) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], seconds)
        return self._process.stdout.readline().decode().strip() if ready else ""

    def close(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def ask_all(opinions: Sequence[Opinion], path: Path) -> dict[str, str]:
    """What each says of the file, by tool."""
    for opinion in opinions:
        opinion.ask(path)
    return {opinion.tool: opinion.answer() for opinion in opinions}


if __name__ == "__main__":
    main(sys.argv[1])
