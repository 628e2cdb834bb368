"""`python -m tools.soak MINUTES`: slow tests, a leg of fuzzing, and hundreds of kills under mixed load on real engines.

The leg of fuzzing (half of the minutes, at most 45, resumable) writes docs/reports/fuzzing.md, the kills write
docs/reports/faults.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

KILLS_A_MINUTE = 5
NO_TESTS = 5
"""What pytest answers when no test is marked."""


def main(arguments: list[str]) -> int:
    """Runs one step after another until one fails; answers its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("minutes", type=float, nargs="?", default=10.0)
    minutes = parser.parse_args(arguments).minutes
    steps = (
        ("pytest", "-m", "slow or soak", "services", "gptsovits", "voicescan", "sdk", "tests"),
        ("tests.security.fuzz_soak", str(minutes / 2)),
        ("tests.engines.soak", "--kills", str(max(10, round(minutes / 2 * KILLS_A_MINUTE)))),
        ("bench.operator", "--jobs", str(max(100, min(1000, round(minutes * 20)))), "--seconds", "8", "--kills", "10"),
    )
    for step in steps:
        print(f"== {' '.join(step)}", flush=True)
        code = subprocess.run([sys.executable, "-m", *step], check=False).returncode
        if code and not (step[0] == "pytest" and code == NO_TESTS):
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
