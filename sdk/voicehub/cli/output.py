"""How the command line speaks: words and progress for people on a terminal, one JSON value for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from voicehub.decoding import encode
from voicehub.errors import VoiceHubError
from voicehub.uploads import OnBytes

_CONTROLS = dict.fromkeys(code for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\n\t")
"""What a terminal would obey: most texts are other people's."""
_ESCAPED = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}
"""The control characters that JSON leaves as they are."""


class Output:
    """Standard output carries the answer, standard error the progress and the errors."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False, soft_wrap=True, emoji=False)
        self.errors = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)

    def say(self, text: str) -> None:
        """A line for people; nothing with `--json`."""
        if not self.as_json:
            self.console.print(_shown(text))

    def note(self, text: str) -> None:
        """A line about what is going on, on standard error; nothing with `--json`."""
        if not self.as_json:
            self.errors.print(_shown(text), style="dim")

    def left_out(self, words: Sequence[str], where: str = "") -> None:
        """A line on standard error about words that were not spoken, if there are any; nothing with `--json`."""
        if words and not self.as_json:
            said = f"! {where}not spoken, for this language has no sounds for it: {', '.join(words)}"
            self.errors.print(_shown(said), style="yellow")

    def answer(self, value: Any) -> None:
        """The answer for programs; nothing without `--json`."""
        if self.as_json:
            sys.stdout.write(json.dumps(encode(value), ensure_ascii=False, indent=1).translate(_ESCAPED) + "\n")
            sys.stdout.flush()  # `up` answers and goes on; its reader shall not wait for the end

    def table(self, columns: list[str], rows: list[list[str]]) -> None:
        """Rows under headings, for people."""
        if self.as_json:
            return
        widths = [max(len(r[i]) for r in [columns, *rows]) for i in range(len(columns))]
        for row in [columns, *rows]:
            self.say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())

    def fail(self, error: VoiceHubError) -> None:
        """What is wrong and what to do."""
        if self.as_json:
            problem = {"error": error.message, "hint": error.hint, "exit_code": error.exit_code}
            self.answer(problem | ({"fields": error.fields} if error.fields else {}))
            return
        self.errors.print(f"[bold red]✗[/] {_shown(error.message)}")
        said = f"{error.message} {error.hint}"
        for field, reason in error.fields.items():
            if reason not in said:
                self.errors.print(_shown(f"  {field}: {reason}"))
        if error.hint:
            self.errors.print(_shown(f"  → {error.hint}"))

    @contextmanager
    def transfer(self, what: str) -> Iterator[OnBytes]:
        """A progress bar in bytes, moving inside a file."""
        with self._bar(DownloadColumn()) as bar:
            task = bar.add_task(_plain(what), total=None)

            def on_bytes(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            yield on_bytes

    @contextmanager
    def steps(self) -> Iterator[Steps]:
        """A progress bar per step."""
        with self._bar(TaskProgressColumn()) as bar:
            steps = Steps(bar, self.note if bar.disable else lambda _: None)
            yield steps
            steps.finish()

    def _bar(self, column: ProgressColumn) -> Progress:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), column, TimeElapsedColumn())
        return Progress(*columns, console=self.errors, disable=self.as_json or not self.errors.is_terminal)


class Steps:
    """Bars by name: a step appears when it begins and is full when the next one does.

    Where there is no terminal, `note` gets one line per step instead, when the step has ended.
    """

    def __init__(self, bar: Progress, note: Callable[[str], None]) -> None:
        self._bar, self._note = bar, note
        self._tasks: dict[str, Any] = {}
        self._last = ""

    def update(self, step: str, fraction: float, message: str = "") -> None:
        """Moves the bar of a step to `fraction` in 0..1; the bars before it are full."""
        if step not in self._tasks:
            self.finish()
            for task in self._tasks.values():
                self._bar.update(task, completed=1.0)
            self._tasks[step] = self._bar.add_task(_plain(step), total=1.0)
        text = _plain(f"{step:<10} {message}".rstrip())
        self._last = f"  ▪ {step:<10} {message}".rstrip()
        self._bar.update(self._tasks[step], completed=fraction, description=text)

    def finish(self) -> None:
        """Notes the step that has just ended."""
        if self._last:
            self._note(self._last)
        self._last = ""


def _plain(text: str) -> str:
    return text.translate(_CONTROLS)


def _shown(text: str) -> str:
    """The text as rich shows it word for word."""
    return escape(_plain(text))
