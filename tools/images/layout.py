"""An OCI image layout: blobs by digest, shared by all images, and an index that names them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from tools.images.layers import EPOCH, GZIP_NONE, Layer
from tools.images.table import USER, Image

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TITLE = "org.opencontainers.image."
CREATED = datetime.fromtimestamp(EPOCH, UTC).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True)
class Built:
    """An image in a layout: its reference, and the digest of its manifest."""

    reference: str
    digest: str
    size: int
    layers: tuple[Layer, ...]


class Layout:
    """A folder that `skopeo`, `crane`, `buildah` and, as a tar file, containerd and kind read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._blobs = folder / "blobs" / "sha256"
        self._blobs.mkdir(parents=True, exist_ok=True)

    def add(self, image: Image, reference: str, version: str, layers: Sequence[Layer]) -> Built:
        """Writes the image's blobs."""
        for layer in layers:
            self._link(layer)
        config = self._write(_config(image, version, layers))
        manifest: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, **config},
            "layers": [
                {"mediaType": GZIP_NONE, "digest": f"sha256:{layer.digest}", "size": layer.size} for layer in layers
            ],
        }
        written = self._write(manifest)
        return Built(reference, str(written["digest"]), int(written["size"]), tuple(layers))

    def name(self, images: Sequence[Built]) -> None:
        """Writes the index, and drops blobs that no image needs."""
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
        (self.folder / "index.json").write_bytes(_encoded(_index(images)))
        needed = {digest.removeprefix("sha256:") for image in images for digest in self._digests(image)}
        for path in self._blobs.iterdir():
            if path.name not in needed:
                path.unlink()

    def write_archive(self, target: IO[bytes], images: Sequence[Built], there: frozenset[str] = frozenset()) -> None:
        """An OCI archive of these images as a stream: shared blobs are in it once, those `there` never."""
        with tarfile.open(fileobj=target, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for name, content in (("oci-layout", b'{"imageLayoutVersion":"1.0.0"}'), ("index.json", b"")):
                _add(archive, name, content or _encoded(_index(images)))
            needed = dict.fromkeys(digest for image in images for digest in self._digests(image))
            for digest in (one for one in needed if one not in there):
                path = self._blobs / digest.removeprefix("sha256:")
                entry = tarfile.TarInfo(f"blobs/sha256/{path.name}")
                entry.size, entry.mtime, entry.mode = path.stat().st_size, EPOCH, 0o644
                with path.open("rb") as content_file:
                    archive.addfile(entry, content_file)

    def _digests(self, image: Built) -> list[str]:
        manifest = json.loads((self._blobs / image.digest.removeprefix("sha256:")).read_bytes())
        return [image.digest, manifest["config"]["digest"], *(layer["digest"] for layer in manifest["layers"])]

    def _write(self, content: Mapping[str, Any]) -> dict[str, str | int]:
        data = _encoded(content)
        name = hashlib.sha256(data).hexdigest()
        (self._blobs / name).write_bytes(data)
        return {"digest": f"sha256:{name}", "size": len(data)}

    def _link(self, layer: Layer) -> None:
        target = self._blobs / layer.digest
        if target.exists():
            return
        try:
            os.link(layer.path, target)
        except OSError:  # another file system
            shutil.copyfile(layer.path, target)


def _config(image: Image, version: str, layers: Sequence[Layer]) -> Mapping[str, Any]:
    labels = {f"{TITLE}title": image.name, f"{TITLE}description": image.about, f"{TITLE}version": version}
    return {
        "created": CREATED,
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "Env": [f"{name}={value}" for name, value in image.environment.items()],
            "Entrypoint": list(image.command),
            "WorkingDir": image.folder,
            "ExposedPorts": {f"{port}/tcp": {} for port in sorted(image.ports.values())},
            "Labels": {**labels, f"{TITLE}licenses": "Apache-2.0"},
            "StopSignal": "SIGTERM",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer.digest}" for layer in layers]},
        "history": [{"created": CREATED, "comment": layer.about} for layer in layers],
    }


def _index(images: Sequence[Built]) -> Mapping[str, Any]:
    manifests = [
        {
            "mediaType": MANIFEST,
            "digest": image.digest,
            "size": image.size,
            "platform": {"architecture": "amd64", "os": "linux"},
            "annotations": {"io.containerd.image.name": image.reference, f"{TITLE}ref.name": image.reference},
        }
        for image in images
    ]
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime, entry.mode = len(content), EPOCH, 0o644
    archive.addfile(entry, BytesIO(content))


def _encoded(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, sort_keys=True).encode()
