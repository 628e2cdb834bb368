"""Images that the cluster itself needs: the first process of each pod, and CoreDNS."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.cluster.builds import COREDNS as COREDNS_VERSION
from tests.cluster.builds import kubernetes
from tools.cache import made
from tools.images.layers import Layer, pack, read
from tools.images.layout import Built, Layout
from tools.images.table import Image

REGISTRY = "cluster.test"
PAUSE = f"{REGISTRY}/pause:1"
COREDNS = f"{REGISTRY}/coredns:{COREDNS_VERSION}"


def own_images() -> tuple[Layout, list[Built]]:
    """Their layout, made once for the programs that were built."""
    programs = kubernetes()
    folder = made("own-images", programs.name.encode(), lambda folder: _pack(programs, folder), "cluster")
    layout = Layout(folder / "oci")
    built = [
        layout.add(_image(name), reference, reference.rpartition(":")[2], [_layer(folder, name)])
        for name, reference in (("pause", PAUSE), ("coredns", COREDNS))
    ]
    layout.name(built)
    return layout, built


def _pack(programs: Path, folder: Path) -> None:
    for name in ("pause", "coredns"):
        (folder / name).mkdir()
        shutil.copy(programs / name, folder / name / name)
        pack(folder / name, folder / f"{name}.tar")
        shutil.rmtree(folder / name)
        _layer(folder, name)


def _layer(folder: Path, name: str) -> Layer:
    return read(folder / f"{name}.tar", name)


def _image(name: str) -> Image:
    return Image(name, (f"/{name}",), f"{name} of a test cluster", layers=(), folder="/", environment={})
