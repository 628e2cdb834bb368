"""Assembles images into one OCI layout."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tools.images import packages, sbom
from tools.images.base import base
from tools.images.layers import Layer
from tools.images.layout import Built, Layout
from tools.images.table import ROOT, Image, version

OUT = ROOT / "build" / "images"
REGISTRY = "voicehub.local"
"""Stands where a registry's host name will; nothing ever asks it."""


def build(images: Sequence[Image], out: Path = OUT, registry: str = REGISTRY, tag: str = "") -> dict[str, Built]:
    """Writes `out/oci`, `out/sbom/NAME.cdx.json` and `out/images.json`; answers the images by name."""
    tag = tag or version()
    lowest, project = base(), packages.project()
    needed = dict.fromkeys(name for image in images for name in image.layers)
    locked = {name: packages.locked(name) for name in needed}
    layout = Layout(out / "oci")
    built = {}
    for image in images:
        above = [*(locked[name] for name in image.layers), project]
        one = layout.add(image, f"{registry}/voicehub/{image.name}:{tag}", tag, [lowest, *above])
        built[image.name] = one
        _describe(out, image, tag, one, lowest, above)
    layout.name(list(built.values()))
    listed = {name: {"reference": one.reference, "digest": one.digest} for name, one in built.items()}
    (out / "images.json").write_text(json.dumps(listed, indent=1))
    return built


def _describe(out: Path, image: Image, tag: str, one: Built, lowest: Layer, above: Sequence[Layer]) -> None:
    path = out / "sbom" / f"{image.name}.cdx.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(sbom.document(image, tag, one.digest, lowest, above), indent=1))
