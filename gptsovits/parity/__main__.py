"""``python -m gptsovits.parity DIR``: exit 0 all equal, 1 something exceeds its tolerance, 3 something was not run."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import torch

from gptsovits.errors import VoiceError
from gptsovits.parity.suite import run_suite


def main(arguments: list[str] | None = None) -> int:
    """Prints a line per case and a summary; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gptsovits.parity", description=__doc__)
    parser.add_argument("directory", type=Path, help="recordings, laid out like tests/data/golden")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args(arguments)
    torch.set_num_threads(given.threads)
    counts: Counter[str] = Counter()
    try:
        for outcome in run_suite(given.directory):
            counts[outcome.status] += 1
            print(outcome.line(), flush=True)
    except VoiceError as error:
        print(error, file=sys.stderr)
        return 3
    print(", ".join(f"{count} {status}" for status, count in sorted(counts.items())))
    if counts["exceeds"]:
        return 1
    return 3 if counts["not run"] else 0


if __name__ == "__main__":
    sys.exit(main())
