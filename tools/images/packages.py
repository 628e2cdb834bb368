"""Layers of Python packages, and of the project itself."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path

from tools.cache import digest, made
from tools.images.layers import EPOCH, Layer, pack, read
from tools.images.locks import path, uv
from tools.images.table import PACKAGES, ROOT

PYTHON = (3, 11)
_SCRIPT = """#!/usr/bin/python3
import sys

from {module} import {function}

sys.exit({function}())
"""


def locked(name: str) -> Layer:
    """The packages of a lock. That with torch is the only layer of gigabytes, and one for all images that use it."""
    lock = path(name)

    def install(root: Path) -> None:
        target = root / PACKAGES.lstrip("/")
        command = [uv(), "pip", "install", "--quiet", "--python", sys.executable, "--target", str(target)]
        _run([*command, "--no-deps", "--require-hashes", "-r", str(lock)], os.environ)
        shutil.rmtree(target / "bin", ignore_errors=True)  # programs of packages; none is called
        (target / ".lock").unlink(missing_ok=True)

    folder = made(name, lock.read_bytes() + PACKAGES.encode(), lambda folder: _fill(folder, install), "images")
    return read(folder / "layer.tar", f"Packages of images/{name}.lock")


def project() -> Layer:
    """The project's wheel, built from this checkout."""
    with tempfile.TemporaryDirectory() as place:
        environment = {**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)}
        _run([uv(), "build", "--quiet", "--wheel", "--out-dir", place], environment)
        (wheel,) = Path(place).glob("*.whl")
        recipe = f"{digest(wheel)} {PACKAGES}".encode()
        folder = made("project", recipe, lambda folder: _fill(folder, lambda root: _unpack(wheel, root)), "images")
    return read(folder / "layer.tar", "VoiceHub")


def described(layer: Layer) -> list[Mapping[str, str]]:
    """Name, version and licence of the distributions in a layer of packages."""
    found: list[Mapping[str, str]] = json.loads((layer.path.parent / "packages.json").read_text())
    return found


def _fill(folder: Path, install: Callable[[Path], None]) -> None:
    """Installs into a root, compiles, notes what it is, packs."""
    if sys.version_info[:2] != PYTHON:
        raise RuntimeError("Images carry the Python 3.11 of Debian 12, and packages for it: make setup with that one.")
    root = folder / "root"
    install(root)
    target = root / PACKAGES.lstrip("/")
    _compile(target)
    notes = sorted(
        ({"name": one.name, "version": one.version, "licence": _licence(one)} for one in _in(target)),
        key=lambda note: note["name"].lower(),
    )
    (folder / "packages.json").write_text(json.dumps(notes, indent=1))
    pack(root, folder / "layer.tar")
    shutil.rmtree(root)
    read(folder / "layer.tar", "")


def _compile(target: Path) -> None:
    """Byte code beside each module, because nothing can be written at run time; its file's hash is not asked again."""
    command = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    command += ["-s", str(target), "-p", PACKAGES, str(target)]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "0"}, check=False)  # test data may not be Python


def _unpack(wheel: Path, root: Path) -> None:
    target = root / PACKAGES.lstrip("/")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    (entries,) = target.glob("*.dist-info/entry_points.txt")
    scripts = configparser.ConfigParser()
    scripts.read(entries)
    programs = root / "usr/local/bin"
    programs.mkdir(parents=True)
    for name, place in scripts["console_scripts"].items():
        module, _, function = place.partition(":")
        (programs / name).write_text(_SCRIPT.format(module=module, function=function))
        (programs / name).chmod(0o755)


def _in(target: Path) -> list[Distribution]:
    return list(distributions(path=[str(target)]))


def _licence(one: Distribution) -> str:
    """As the package says it; empty if it does not."""
    for key in ("License-Expression", "License"):
        if key in one.metadata and one.metadata[key].strip():
            return one.metadata[key].strip().splitlines()[0][:100]
    return ""


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} failed:\n{done.stderr[-2000:]}")
