"""Which packages the layers carry, each version by its hashes: `images/light.lock` and its neighbours.

All are cut out of `requirements.lock`, so an image runs what the tests ran. `python -m tools.images lock` writes them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tools.images.table import ROOT

FOLDER = ROOT / "images"
CHAINS = ({"light": "cluster", "speech": "cjk", "torch": "train"}, {"operator": "operator"})
"""Layers by the extra that each adds to those before it: what every service stands on, dictionaries of languages,
training; and, apart from these, the operator."""
LEFT_OUT = ("cuda-bindings", "cuda-pathfinder", "nvidia-cusolver", "nvidia-nvtx", "triton")
"""1.4 GB that torch names as needed, and training does not: a compiler, Python's door to CUDA, a solver, profiling."""
_NAME = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def uv() -> str:
    """The program that installs; RuntimeError if `make setup` has not brought it."""
    found = shutil.which("uv") or shutil.which("uv", path=str(ROOT / ".venv-tools" / "bin"))
    if not found:
        raise RuntimeError("uv is missing: make setup brings it into .venv-tools, or install it with pip.")
    return found


def names(text: str) -> list[str]:
    """Of the packages in a lock."""
    return _NAME.findall(text)


def path(layer: str) -> Path:
    """The lock of a layer."""
    return FOLDER / f"{layer}.lock"


def write() -> None:
    """All locks, each without what the layers before it have."""
    FOLDER.mkdir(exist_ok=True)
    for chain in CHAINS:
        extras: list[str] = []
        elsewhere = {*LEFT_OUT}
        for layer, added in chain.items():
            extras.append(added)
            entries = re.split(r"(?m)^(?=\S)", _resolved(extras))
            own = [entry for entry in entries if entry and names(entry)[0] not in elsewhere]
            path(layer).write_text("".join(own))
            elsewhere.update(names("".join(own)))


def _resolved(extras: Sequence[str]) -> str:
    options = [part for extra in extras for part in ("--extra", extra)]
    command = [uv(), "pip", "compile", "--quiet", "pyproject.toml", *options, "--constraint", "requirements.lock"]
    command += ["--python-version", "3.11", "--universal", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"uv pip compile failed:\n{done.stderr[-2000:]}")
    return done.stdout
