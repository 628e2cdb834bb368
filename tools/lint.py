"""`python -m tools.lint`: every rule this code keeps, one line each; exit code 1 if one is broken."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

BIN = Path(sys.executable).parent
CODE = ("services", "gptsovits", "voicescan", "sdk/voicehub", "operator/voicehub_operator", "tools", "bench", "tests")
CHECKS: Mapping[str, Sequence[str]] = {
    "ruff": (str(BIN / "ruff"), "check", "."),
    "mypy --strict": (str(BIN / "mypy"), *CODE),
    "import contracts": (str(BIN / "lint-imports"),),
    "buf": (str(BIN / "buf"), "lint", "protos"),
    "buf breaking": (str(BIN / "buf"), "breaking", "protos", "--against", "protos/released.binpb"),
    "stubs are fresh": (sys.executable, "tools/generate_stubs.py", "--check"),
}


def main() -> int:
    """Runs all checks, even after one has failed."""
    broken = 0
    for name, command in CHECKS.items():
        begin = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        sign = "✓" if done.returncode == 0 else "✗"
        print(f"{sign} {name} ({time.monotonic() - begin:.0f} s)", flush=True)
        if done.returncode:
            broken += 1
            print(done.stdout + done.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
