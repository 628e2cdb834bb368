"""What is in an image: a CycloneDX 1.5 document."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tools.images import base, packages
from tools.images.layers import Layer
from tools.images.layout import CREATED
from tools.images.table import Image


def document(image: Image, version: str, digest: str, lowest: Layer, above: Sequence[Layer]) -> Mapping[str, Any]:
    """Packages of Debian and of Python, the image being the thing described.

    Args:
        image: which one.
        version: its tag.
        digest: of its manifest.
        lowest: the layer with Debian.
        above: those with Python packages.
    """
    components = [_debian(one) for one in base.packages(lowest)]
    components += [_python(one) for layer in above for one in packages.described(layer)]
    about = {
        "type": "container",
        "bom-ref": digest,
        "name": f"voicehub/{image.name}",
        "version": version,
        "description": image.about,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
        "hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}],
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}",
        "version": 1,
        "metadata": {"timestamp": CREATED, "component": about},
        "components": components,
    }


def _debian(package: Mapping[str, str]) -> Mapping[str, Any]:
    name, version, architecture = package["Package"], package["Version"], package["Architecture"]
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}&distro=debian-12"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _python(package: Mapping[str, str]) -> Mapping[str, Any]:
    name, version = package["name"], package["version"]
    purl = f"pkg:pypi/{quote(name.lower().replace('_', '-'))}@{quote(version)}"
    licences = [{"license": {"name": package["licence"]}}] if package["licence"] else []
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        **({"licenses": licences} if licences else {}),
    }
