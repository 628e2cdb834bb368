"""promtool, which checks metrics and rules of Prometheus, built from its Go module.

`go install` refuses a module that replaces others, so it is built in the module's own folder. Without the tag it would
compile the clients of thirty clouds for service discovery.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.engines.cache import made
from tests.engines.maven import LOCKS

LOCK = LOCKS / "promtool.module"
"""Path, version and hash (as in go.sum) of the module."""
TAGS = "remove_all_sd"


def promtool() -> Path:
    """The program, built once: three CPU minutes. RuntimeError if Go cannot bring it."""
    return made("promtool", LOCK.read_bytes() + TAGS.encode(), _build) / "promtool"


def _build(folder: Path) -> None:
    path, version, digest = LOCK.read_text().split()
    with TemporaryDirectory(dir=folder) as work:
        places = {"GOPATH": f"{work}/path", "GOCACHE": f"{work}/cache", "GOFLAGS": "-modcacherw", "GOWORK": "off"}
        environment = {**os.environ, **places, "CGO_ENABLED": "0"}
        module = json.loads(_go(["mod", "download", "-json", f"{path}@{version}"], Path(work), environment))
        if module["Sum"] != digest:
            raise RuntimeError(f"{path} {version} is not the locked one: {module['Sum']}")
        build = ["build", "-tags", TAGS, "-ldflags", "-s -w", "-o", str(folder / "promtool"), "./cmd/promtool"]
        _go(build, Path(module["Dir"]), environment)


def _go(arguments: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    done = subprocess.run(["go", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"go {arguments[0]} failed:\n{done.stderr[-2000:]}")
    return done.stdout


def check(*arguments: str | Path, given: str = "") -> str:
    """Runs promtool with `given` as its standard input; AssertionError with what it found wrong."""
    done = subprocess.run([promtool(), *arguments], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
