"""Programs from Go modules: the module's zip is checked against a locked hash, its dependencies against its own go.sum.

Packages once compiled stay in `$VOICEHUB_CACHE/go`, which programs that share dependencies have in common.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.cache import root


def module(path: str, version: str, digest: str) -> Path:
    """The folder of a module; RuntimeError if the proxy gives another one than was locked.

    Args:
        path: of the module.
        version: with its `v`.
        digest: of its zip, as go.sum has it.
    """
    found = json.loads(go(["mod", "download", "-json", f"{path}@{version}"], root()))
    if found["Sum"] != digest:
        raise RuntimeError(f"{path} {version} is not the locked one: {found['Sum']}")
    return Path(found["Dir"])


def build(source: Path, package: str, program: Path, *options: str) -> None:
    """Compiles a package of the module in `source`, without C and without the machine's paths in it."""
    go(["build", *options, "-o", str(program), package], source)


def stamps(values: Mapping[str, str]) -> str:
    """Linker flags that leave symbols out and set these variables (`import/path.name`: value)."""
    return " ".join(["-s", "-w", *(f"-X {name}={value}" for name, value in values.items())])


def go(arguments: Sequence[str], folder: Path) -> str:
    """What `go` prints; RuntimeError with its last words."""
    root().mkdir(parents=True, exist_ok=True)
    settings = {
        "CGO_ENABLED": "0",
        "GOCACHE": str(root() / "go"),
        "GOFLAGS": "-modcacherw -trimpath -buildvcs=false",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }
    command = ["go", *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"go {arguments[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout
