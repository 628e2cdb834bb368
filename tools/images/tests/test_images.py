"""Images without images: layers that come out the same, a layout that says what it has, files that are fresh."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
from io import BytesIO
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.images import dockerfiles, locks, sbom
from tools.images.layers import Layer, pack, read
from tools.images.layout import Built, Layout
from tools.images.table import IMAGES, ROOT, Image, chosen

STATUS = """Package: python3
Status: install ok installed
Version: 3.11.2-1+b1
Architecture: amd64
"""


def layer(folder: Path, name: str, files: dict[str, str]) -> Layer:
    """A layer with these files, and with what an installer would note."""
    root = folder / name / "root"
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    pack(root, folder / name / "layer.tar")
    (folder / name / "packages.json").write_text('[{"name": "Flask", "version": "3.1.3", "licence": "BSD-3-Clause"}]')
    return read(folder / name / "layer.tar", name)


def test_the_dockerfiles_say_what_the_table_says() -> None:
    assert not dockerfiles.stale(), "python -m tools.images dockerfiles"


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_no_image_runs_as_root(image: Image) -> None:
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", dockerfiles.text(image), re.MULTILINE)


def test_images_run_what_the_tests_run() -> None:
    tested = set(re.findall(r"(?m)^(\S+==\S+)", (ROOT / "requirements.lock").read_text()))
    for name in (layer for chain in locks.CHAINS for layer in chain):
        text = locks.path(name).read_text()
        assert set(re.findall(r"(?m)^(\S+==\S+)", text)) <= tested
        assert text.count("--hash=sha256:") >= len(locks.names(text))


def asked_for(extra: str) -> set[str]:
    """Packages that an extra of the project names, itself or through another."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    found: set[str] = set()
    for requirement in map(Requirement, extras[extra]):
        inner = [asked_for(name) for name in requirement.extras] if requirement.name == "voicehub" else []
        found |= set().union(*inner) if inner else {requirement.name.lower()}
    return found


@pytest.mark.parametrize("chain", locks.CHAINS, ids=lambda chain: "+".join(chain))
def test_what_the_project_asks_for_is_locked(chain: dict[str, str]) -> None:
    locked = {name for layer in chain for name in locks.names(locks.path(layer).read_text())}
    asked = set().union(*(asked_for(extra) for extra in chain.values()))
    assert asked - locked == set(), "python -m tools.images lock"


def test_only_one_layer_has_torch() -> None:
    light, speech, torch = (set(locks.names(locks.path(name).read_text())) for name in locks.CHAINS[0])
    assert "torch" in torch
    assert not (light | speech) & torch
    assert not light & speech
    assert not {"torch", *locks.LEFT_OUT} & (light | speech)
    assert not {*locks.LEFT_OUT} & torch


def test_a_layer_comes_out_the_same(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, names in ((one, "abc"), (other, "cba")):
        (folder / "d").mkdir(parents=True)
        for name in names:
            (folder / "d" / name).write_text(name)
    os.link(other / "d" / "a", tmp_path / "elsewhere")
    os.utime(other / "d" / "a", (1, 1))
    (other / "d" / "b").chmod(0o600)
    for folder in (one, other):
        pack(folder, folder.with_suffix(".tar"))
    assert read(tmp_path / "one.tar", "").digest == read(tmp_path / "other.tar", "").digest
    with tarfile.open(tmp_path / "other.tar") as archive:
        assert {entry.name: (entry.uid, oct(entry.mode)) for entry in archive} == {
            "d": (0, "0o755"),
            **{f"d/{name}": (0, "0o644") for name in "abc"},
        }


def test_names_of_images_are_known() -> None:
    assert [image.name for image in chosen(["worker", "gateway"])] == ["worker", "gateway"]
    with pytest.raises(ValueError, match="Unknown image nothing; there are: catalog"):
        chosen(["nothing"])


def build(layout: Layout, folder: Path) -> list[Built]:
    shared, own = layer(folder, "shared", {"etc/x": "x"}), layer(folder, "own", {"y": "y"})
    gateway, catalog = chosen(["gateway", "catalog"])
    return [
        layout.add(gateway, "test/gateway:1", "1", [shared, own]),
        layout.add(catalog, "test/catalog:1", "1", [shared]),
    ]


def test_a_layout_holds_what_its_index_names(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "oci")
    built = build(layout, tmp_path)
    layout.name(built)
    blobs = {path.name: path for path in (tmp_path / "oci" / "blobs" / "sha256").iterdir()}
    assert len(blobs) == 2 * 2 + 2, "two manifests, two configurations, two layers"
    for name, path in blobs.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == name
    index = json.loads((tmp_path / "oci" / "index.json").read_text())
    named = {one["annotations"]["io.containerd.image.name"]: one["digest"] for one in index["manifests"]}
    assert named == {one.reference: one.digest for one in built}
    manifest = json.loads(blobs[built[0].digest.removeprefix("sha256:")].read_text())
    config = json.loads(blobs[manifest["config"]["digest"].removeprefix("sha256:")].read_text())
    assert config["config"]["User"] == "10001:10001"
    assert config["rootfs"]["diff_ids"] == [one["digest"] for one in manifest["layers"]]
    layout.name(built[1:])
    assert len(list((tmp_path / "oci" / "blobs" / "sha256").iterdir())) == 3, "the other image's blobs are gone"


def test_images_share_blobs_in_an_archive(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "oci")
    target = BytesIO()
    layout.write_archive(target, build(layout, tmp_path))
    with tarfile.open(fileobj=BytesIO(target.getvalue())) as archive:
        names = archive.getnames()
    assert sorted(names) == sorted(set(names))
    assert {"oci-layout", "index.json"} < set(names)
    assert len(names) == 8


def test_the_bill_of_materials_names_packages_of_both_kinds(tmp_path: Path) -> None:
    lowest = layer(tmp_path, "base", {"x": ""})
    with tarfile.open(lowest.path, "w") as archive:
        entry = tarfile.TarInfo("./var/lib/dpkg/status")
        entry.size = len(STATUS)
        archive.addfile(entry, BytesIO(STATUS.encode()))
    above = layer(tmp_path, "light", {"y": ""})
    said = sbom.document(IMAGES[0], "1", "sha256:" + "0" * 64, lowest, [above])
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.5")
    assert [one["purl"] for one in said["components"]] == [
        "pkg:deb/debian/python3@3.11.2-1%2Bb1?arch=amd64&distro=debian-12",
        "pkg:pypi/flask@3.1.3",
    ]
    assert said["components"][1]["licenses"] == [{"license": {"name": "BSD-3-Clause"}}]


WITH_PACKAGES = """
import importlib, inspect, re, sys
from importlib.metadata import distributions
service, *carried = sys.argv[1:]
tops = {}
for one in distributions():
    name = re.sub("[-_.]+", "-", one.metadata["Name"]).lower()
    for file in one.files or ():
        top = file.parts[0] if len(file.parts) > 1 else inspect.getmodulename(file.name)
        tops.setdefault(top, set()).add(name)
lacking = {top for top, owners in tops.items() if not owners & set(carried)}
class Image:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking and name.partition(".")[0] not in OWN:
            raise ModuleNotFoundError(f"the image has no {name}", name=name)
OWN = {"services", "gptsovits", "voicehub", "voicehub_operator", "tools", "tests", "bench"}
sys.meta_path.insert(0, Image())
importlib.import_module(f"services.{service}.bootstrap")
"""


@pytest.mark.parametrize("image", [one for one in IMAGES if one.command[-1].startswith("services.") and one.ports])
def test_a_service_starts_with_the_packages_of_its_image(image: Image) -> None:
    """One that imported a library of training crashed in its pod, and in no test that has all libraries."""
    carried = [name for layer in image.layers for name in locks.names(locks.path(layer).read_text(encoding="utf-8"))]
    run = [sys.executable, "-c", WITH_PACKAGES, image.command[-1].partition(".")[2], *carried]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
