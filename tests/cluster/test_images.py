"""The images that are shipped: what is in them, and that they come out the same."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import pytest

from tools.images import packages
from tools.images.build import build
from tools.images.layout import Built
from tools.images.table import IMAGES, PACKAGES, USER, chosen

LIGHT = ["gateway", "catalog", "scanner", "trainer"]
MOST_BYTES = 1_000_000_000


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    return build(chosen(LIGHT), tmp_path_factory.mktemp("images"))


def names(image: Built) -> set[str]:
    """Of everything in its layers, without the leading dot and slash."""
    found = set()
    for layer in image.layers:
        with tarfile.open(layer.path) as archive:
            found |= {name.removeprefix("./") for name in archive.getnames()}
    return found


def test_a_light_image_has_a_python_the_hub_and_no_torch(built: dict[str, Built]) -> None:
    there = names(built["gateway"])
    home = PACKAGES.lstrip("/")
    for path in (
        "usr/bin/python3.11",
        f"{home}/services/gateway/__main__.py",
        f"{home}/services/gateway/page/index.html",
    ):
        assert path in there
    assert "usr/local/bin/voicehub-admin" in there
    assert not any(path.startswith(f"{home}/{name}/") for path in there for name in ("torch", "triton", "pip"))
    assert sum(layer.size for layer in built["gateway"].layers) < MOST_BYTES


def test_nothing_of_this_machine_is_in_an_image(built: dict[str, Built]) -> None:
    there = names(built["gateway"])
    assert not {
        path for path in there if path.startswith(("root/", "home/", "var/lib/apt/lists/", "etc/apt/sources.list.d/"))
    }
    with tarfile.open(built["gateway"].layers[0].path) as archive:
        for name in ("./etc/hostname", "./etc/resolv.conf", "./etc/apt/sources.list"):
            assert archive.getmember(name).size == 0
        data = archive.getmember("./var/lib/voicehub")
    assert (data.uid, data.gid) == (USER, USER)


def test_images_share_their_layers(built: dict[str, Built]) -> None:
    assert len({image.layers for image in built.values()}) == 1
    assert len({image.digest for image in built.values()}) == len(LIGHT)


def test_images_come_out_the_same(built: dict[str, Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    again = build(chosen(LIGHT), tmp_path / "again")
    assert {name: image.digest for name, image in again.items()} == {name: one.digest for name, one in built.items()}
    made = packages.project()
    monkeypatch.setenv("VOICEHUB_CACHE", str(tmp_path / "cache"))
    anew = packages.project()
    assert anew.path != made.path
    assert anew.digest == made.digest
    shutil.rmtree(tmp_path / "cache")


def test_each_image_tells_what_is_in_it(built: dict[str, Built], tmp_path: Path) -> None:
    build(chosen(["gateway"]), tmp_path)
    said = json.loads((tmp_path / "sbom" / "gateway.cdx.json").read_text())
    assert said["metadata"]["component"]["hashes"][0]["content"] == built["gateway"].digest.removeprefix("sha256:")
    known = {one["purl"].partition("@")[0] for one in said["components"]}
    assert {"pkg:deb/debian/libc6", "pkg:deb/debian/python3.11", "pkg:pypi/flask", "pkg:pypi/voicehub"} <= known
    assert len(known) > 150


def test_only_who_trains_or_exports_has_torch() -> None:
    assert [image.name for image in IMAGES if "torch" in image.layers] == ["inference", "worker"]
