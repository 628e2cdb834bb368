"""`python -m tools.demo`: tells the story, prints the table, leaves the page open (or stops, without a terminal)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path

from gptsovits.judge.sentences import TEST_SENTENCES
from services.launcher.errors import AlreadyRunning
from services.launcher.lock import FolderLock
from tools.demo.judging import Row
from tools.demo.recording import find_source
from tools.demo.stage import Stage, StoryEnded, open_stage
from tools.demo.story import Story
from tools.demo.table import render, render_thresholds, thresholds
from voicehub.cli.output import Output
from voicehub.errors import VoiceHubError

FOLDER = Path("build/demo")
HUB = FOLDER / "stage" / "hub"
"""What `open_stage` makes; it stays, and `voicehub up --data` opens it again."""
REPORT = FOLDER / "report.json"
"""Written at the end of the story."""
BEFORE, UNFINISHED = FOLDER.with_name("demo.before"), FOLDER.with_name("demo.unfinished")
QUICK_SENTENCES = 5


def main() -> int:
    """0 when the story went as told (and, in full length, the voice passes its thresholds), else 1."""
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)  # the hub is stopped on the way out
    quick = os.environ.get("QUICK") == "1"
    out = Output()
    if not _set_aside(out):
        return 1
    begin = time.monotonic()
    try:
        with open_stage(HUB.parent.resolve()) as stage:
            out.say(f"The hub is up: {stage.url}")
            sentences = TEST_SENTENCES[:QUICK_SENTENCES] if quick else TEST_SENTENCES
            story = Story(stage, find_source(), FOLDER.resolve(), quick, out, sentences)
            code = _conclude(story.tell(), out, time.monotonic() - begin, quick)
            if sys.stdout.isatty() and not quick:
                _stay(stage, out)
            return code
    except (StoryEnded, VoiceHubError, FileNotFoundError) as error:
        out.fail(error if isinstance(error, VoiceHubError) else VoiceHubError(str(error)))
        return 1
    except KeyboardInterrupt:
        return 130


def _set_aside(out: Output) -> bool:
    """Makes room; the hub of the last story is kept once more, for who has gone on in it, and not while it runs.

    One that ended early goes elsewhere than one that was told.
    """
    aside = BEFORE if REPORT.exists() else UNFINISHED
    try:
        if HUB.exists():
            for hub in (HUB, aside / HUB.relative_to(FOLDER)):
                _check_stopped(hub)
            shutil.rmtree(aside, ignore_errors=True)
            FOLDER.rename(aside)
        shutil.rmtree(FOLDER, ignore_errors=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
    except AlreadyRunning as error:
        out.fail(VoiceHubError(str(error), hint="Stop it first: the demo begins with a hub of its own."))
    except OSError as error:
        by_hand = f"Move {FOLDER} and {aside} away by hand."
        out.fail(VoiceHubError(f"There is no room for the demo: {error}.", hint=by_hand))
    else:
        return True
    return False


def _check_stopped(hub: Path) -> None:
    if hub.exists():
        with FolderLock(hub):
            pass


def _conclude(report: dict[str, object], out: Output, seconds: float, quick: bool) -> int:
    rows = [Row(**row) for row in report["table"]]  # type: ignore[attr-defined]
    lines = thresholds(report)
    report["thresholds"] = [vars(line) for line in lines]
    report["seconds"] = round(seconds, 1)
    REPORT.write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")
    out.say(f"\n{render(rows)}\n\n{render_thresholds(lines)}\n")
    if quick:
        shown = "the lines above are shown, the full demo must pass them."
        out.say(f"QUICK=1: a shorter fine-tune, {QUICK_SENTENCES} sentences; {shown}")
    out.say(f"Everything with all waves: {REPORT}   ({seconds:.0f} s)")
    out.say(f"The hub with its voices, again: voicehub up --data {HUB}")
    return 0 if quick or all(line.passed for line in lines) else 1


def _stay(stage: Stage, out: Output) -> None:
    out.say(f"The page is open: {stage.url}   (stop: Ctrl-C)")
    signal.pause()


if __name__ == "__main__":
    sys.exit(main())
