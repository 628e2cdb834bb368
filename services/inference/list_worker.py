"""A process of its own for hostile lists: a list on standard input, its lines as JSON on standard output.

`python -m services.inference.list_worker [jsonl|csv|srt|epub]`. It imports parsers only, so that it starts quickly.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Sequence
from dataclasses import astuple

from services.inference.domain.lists.detection import parse
from services.inference.domain.lists.line import ListRefused

REFUSED = 3
MEMORY_BYTES = 1 << 30
PROCESSOR_SECONDS = 30


def main(arguments: Sequence[str]) -> int:
    """0 with `{"format", "lines"}`; `REFUSED` with `{"place", "message", "hint"}` when the list cannot be read."""
    _limit()
    try:
        kind, lines = parse(sys.stdin.buffer.read(), arguments[0] if arguments else "")
    except ListRefused as error:
        json.dump({"place": error.place, "message": str(error), "hint": error.hint}, sys.stdout)
        return REFUSED
    json.dump({"format": kind, "lines": [astuple(line) for line in lines]}, sys.stdout)
    return 0


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
