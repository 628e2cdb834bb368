"""The lowest layer: Debian 12 without what a container does not need, and its Python."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tools.cache import made
from tools.images.layers import EPOCH, Layer, read
from tools.images.table import DATA, USER

SUITE = "bookworm"
PACKAGES = ("ca-certificates", "libgomp1", "libstdc++6", "netbase", "python3", "tzdata")
SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
UNNEEDED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*", "/usr/share/lintian/*")
EMPTIED = ("var/cache", "var/lib/apt/lists", "var/log", "etc/apt/sources.list.d", "root", "tmp")
OF_THE_MACHINE = ("etc/apt/sources.list", "etc/hostname", "etc/resolv.conf")
_PASSWD = f"voicehub:x:{USER}:{USER}:VoiceHub:{DATA}:/usr/sbin/nologin"


def base() -> Layer:
    """The layer, made once; RuntimeError if mmdebstrap is missing or fails."""
    command = _command(Path("layer.tar"))
    folder = made("base", "\n".join(command).encode(), _make, "images")
    return read(folder / "layer.tar", f"Debian {SUITE}: {', '.join(PACKAGES)}")


def packages(layer: Layer) -> list[Mapping[str, str]]:
    """Name, version and architecture of what dpkg has in it."""
    with tarfile.open(layer.path) as archive:
        status = archive.extractfile("./var/lib/dpkg/status")
        assert status is not None
        records = status.read().decode().strip().split("\n\n")
    fields = [dict(line.split(": ", 1) for line in record.splitlines() if ": " in line) for record in records]
    return [{key: one[key] for key in ("Package", "Version", "Architecture")} for one in fields]


def _make(folder: Path) -> None:
    command = _command(folder / "layer.tar")
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH), "LC_ALL": "C"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RuntimeError("mmdebstrap is missing: apt-get install mmdebstrap") from None
    if done.returncode:
        raise RuntimeError(f"mmdebstrap failed:\n{done.stderr[-2000:]}")


def _command(target: Path) -> list[str]:
    """The machine's own mirror is used, and not left behind in the image."""
    hooks = [
        f'printf "%s\\n" "{_PASSWD}" >> "$1/etc/passwd"',
        f'printf "voicehub:x:{USER}:\\n" >> "$1/etc/group"',
        f'mkdir -p "$1{DATA}" "$1/usr/local/lib/python3.11/dist-packages"',
        'ln -s python3 "$1/usr/bin/python"',
        f'chown {USER}:{USER} "$1{DATA}"',
        " && ".join(f'rm -rf "$1/{name}" && mkdir -p "$1/{name}"' for name in EMPTIED),
        " && ".join(f': > "$1/{name}"' for name in OF_THE_MACHINE),
        'chmod 1777 "$1/tmp"',
    ]
    return [
        "mmdebstrap",
        "--quiet",
        "--variant=essential",
        "--format=tar",
        f"--include={','.join(PACKAGES)}",
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in UNNEEDED),
        *(f"--customize-hook={hook}" for hook in hooks),
        SUITE,
        str(target),
        *([str(SOURCES)] if SOURCES.exists() else []),
    ]
