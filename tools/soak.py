"""`python -m tools.soak MINUTES`: slow tests, a leg of fuzzing, and the road of a voice under kill -9 again and again.

The leg of fuzzing (at most 45 minutes, resumable) writes docs/reports/fuzzing.md.
"""

from __future__ import annotations

import subprocess
import sys
import time

ROAD = ("tests/e2e/test_kill.py",)


def main(arguments: list[str]) -> int:
    """Runs until the minutes are over or something fails; answers the exit code of pytest."""
    minutes = float(arguments[0]) if arguments else 10.0
    deadline = time.monotonic() + 60 * minutes
    slow = _pytest("-m", "slow", "services", "gptsovits", "voicescan", "sdk", "tests")
    if (
        slow in (0, 5)
        and subprocess.run([sys.executable, "-m", "tests.security.fuzz_soak", str(minutes / 2)]).returncode
    ):
        return 1
    rounds = 0
    while slow in (0, 5) and (rounds == 0 or time.monotonic() < deadline):
        rounds += 1
        print(f"== soak round {rounds}", flush=True)
        code = _pytest(*ROAD)
        if code:
            return code
    print(f"{rounds} rounds of the road, none lost anything")
    return 0 if slow in (0, 5) else slow


def _pytest(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
