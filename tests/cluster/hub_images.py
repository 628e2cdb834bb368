"""The project's images for the node of the tests."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tools.images import packages
from tools.images.base import base
from tools.images.build import REGISTRY
from tools.images.layers import Layer, pack, read
from tools.images.layout import Built, Layout
from tools.images.table import PACKAGES, ROOT, chosen, version

PROBES = f"{REGISTRY}/voicehub/scanner-with-probes:{version()}"
"""The scanner's image, and attacks on it."""
INSIDE = ("tests/cluster/inside", "services/scanner/sandbox/tests")


def scanner_with_probes(folder: Path) -> tuple[Layout, Sequence[Built]]:
    """The scanner's image with one more layer: what tests run inside of pods, and `/attacks`."""
    (scanner,) = chosen(["scanner"])
    below = [base(), *(packages.locked(name) for name in scanner.layers), packages.project()]
    layout = Layout(folder / "oci")
    built = [layout.add(scanner, PROBES, version(), [*below, _probes(folder)])]
    layout.name(built)
    return layout, built


def _probes(folder: Path) -> Layer:
    target = folder / "root" / PACKAGES.lstrip("/")
    for place in INSIDE:
        goal = target / ("inside" if place.endswith("inside") else place)
        shutil.copytree(ROOT / place, goal, ignore=shutil.ignore_patterns("__pycache__", "test_*"))
    pack(folder / "root", folder / "probes.tar")
    return read(folder / "probes.tar", "Probes")
