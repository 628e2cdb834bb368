"""`python -m services.launcher DATA [PORT]`: the hub without the command line around it."""

from __future__ import annotations

import sys
from pathlib import Path

from services.common.telemetry import configure_logging
from services.launcher.launcher import CannotStart, Launcher


def main(arguments: list[str]) -> int:
    """Runs a hub; 2 for a wrong call, 1 when it cannot start."""
    if not 1 <= len(arguments) <= 2:
        sys.stderr.write("Usage: python -m services.launcher DATA [PORT]\n")
        return 2
    configure_logging("launcher")
    try:
        return Launcher(Path(arguments[0]), port=int(arguments[1]) if arguments[1:] else 0).run(print)
    except CannotStart as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
