"""Jars from Maven Central by the `mvn` program, each checked against a lock file of SHA-256 digests.

A lock `<name>.jars` starts with lines `# group:artifact:version` (roots; with `!` at the end without dependencies),
then one `digest  file` a line. `python -m tests.engines lock NAME` writes the digests anew.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which
from xml.sax.saxutils import escape

from tests.engines.cache import digest, made

LOCKS = Path(__file__).parent / "locks"


def jars(name: str) -> Path:
    """The folder with the jars of a lock; RuntimeError if Maven is missing or a jar is not what was locked."""
    lock = LOCKS / f"{name}.jars"

    def make(folder: Path) -> None:
        fetch(roots(lock), folder)
        found = {path.name: digest(path) for path in folder.iterdir()}
        if found != locked_digests(lock):
            wrong = sorted(set(found.items()) ^ set(locked_digests(lock).items()))
            hint = f"If that is meant: python -m tests.engines lock {name}"
            raise RuntimeError(f"Maven brought other jars than {lock} says: {wrong[:4]}. {hint}")

    return made(f"jars-{name}", lock.read_bytes(), make)


def roots(lock: Path) -> list[str]:
    """The coordinates a lock starts from."""
    return [line[2:] for line in lock.read_text().splitlines() if line.startswith("# ")]


def locked_digests(lock: Path) -> dict[str, str]:
    """Digest by file name."""
    pairs = (line.split() for line in lock.read_text().splitlines() if line and not line.startswith("#"))
    return {file: value for value, file in pairs}


def write_lock(name: str, folder: Path) -> None:
    """Writes a lock anew, with what Maven brings today for its roots; `folder` is an empty one to fetch into."""
    lock = LOCKS / f"{name}.jars"
    fetch(roots(lock), folder)
    lines = [f"# {root}" for root in roots(lock)]
    lines += [f"{digest(path)}  {path.name}" for path in sorted(folder.iterdir())]
    lock.write_text("\n".join(lines) + "\n")


def fetch(coordinates: list[str], folder: Path) -> None:
    """Copies the jars of these coordinates, and of what they need to run, into a folder."""
    if not which("mvn"):
        raise RuntimeError("Maven is missing: apt-get install maven")
    pom = folder / "pom.xml"
    pom.write_text(_pom(coordinates))
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    done = subprocess.run([*command, f"-DoutputDirectory={folder}"], capture_output=True, text=True, check=False)
    pom.unlink()
    if done.returncode:
        said = f"{done.stdout[-2000:]}{done.stderr[-500:]}"
        raise RuntimeError(f"Maven could not bring {', '.join(coordinates)}:\n{said}")


def _pom(coordinates: list[str]) -> str:
    wanted = ""
    for coordinate in coordinates:
        group, artifact, version = escape(coordinate.rstrip("!")).split(":")
        alone = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
        names = f"<groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>"
        wanted += f"<dependency>{names}{alone if coordinate.endswith('!') else ''}</dependency>"
    head = "<modelVersion>4.0.0</modelVersion><groupId>voicehub</groupId><artifactId>engines</artifactId>"
    return (
        f'<project xmlns="http://maven.apache.org/POM/4.0.0">{head}<version>1</version>'
        f"<dependencies>{wanted}</dependencies></project>"
    )
