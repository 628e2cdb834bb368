"""What a Kubernetes manifest may say, by version: the OpenAPI specification of its API server, and CRDs of others.

All come from pinned Go modules, whose hashes are checked; what is needed of them is kept in the cache.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator

from tests.cluster.chart import CHART
from tests.engines.golang import module
from tools.cache import made

KUBERNETES: Mapping[str, tuple[str, str]] = {
    "1.32": ("v1.32.13", "h1:5TGYdZ6YZqdp6h/Rp1vX/4TIoybMPdgv97LCZCtPuNQ="),
    "1.33": ("v1.33.13", "h1:bmH31xUdSzeA5vk0wZAK9MZp11mdLuzUSeKk0qN3hPQ="),
    "1.34": ("v1.34.4", "h1:Yy6R4QB8C9kJPp25GFqEvX5XQwY5qzKeqD0Xx6oAcmk="),
}
OTHERS = (
    (
        "github.com/cert-manager/cert-manager",
        "v1.21.2",
        "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
        ("deploy/crds/cert-manager.io_certificates.yaml", "deploy/crds/cert-manager.io_issuers.yaml"),
    ),
    (
        "github.com/prometheus-operator/prometheus-operator",
        "v0.85.0",
        "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
        ("example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",),
    ),
    (
        "github.com/kedacore/keda/v2",
        "v2.20.2",
        "h1:SR60v8uIcelbveS8n/1jcl8tLdBBIbHMxmdOHw8tKqA=",
        ("config/crd/bases/keda.sh_scaledobjects.yaml",),
    ),
    (
        "sigs.k8s.io/gateway-api",
        "v1.6.3",
        "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
        ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
    ),
)
QUANTITY = {"type": ["string", "number"], "pattern": r"^[+-]?[0-9.]+([eE][+-]?[0-9]+|[KMGTPE]i|[numkMGTPE])?$"}
FREE_FORM = ("io.k8s.apimachinery.pkg.runtime.RawExtension", "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1")


def specification(version: str) -> dict[str, Any]:
    """The Swagger document of a version (`1.34`)."""
    number, digest = KUBERNETES[version]

    def make(folder: Path) -> None:
        source = module("k8s.io/kubernetes", number, digest)
        shutil.copy(source / "api" / "openapi-spec" / "swagger.json", folder)

    folder = made(f"openapi-{version}", digest.encode(), make, place="cluster")
    found: dict[str, Any] = json.loads((folder / "swagger.json").read_text())
    return found


@cache
def crds() -> tuple[dict[str, Any], ...]:
    """The definitions of the kinds of others that the chart may use."""

    def make(folder: Path) -> None:
        for path, version, digest, files in OTHERS:
            source = module(path, version, digest)
            for file in files:
                shutil.copy(source / file, folder)

    folder = made("crds", repr(OTHERS).encode(), make, place="cluster")
    return tuple(yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml")))


def own_crds() -> list[dict[str, Any]]:
    """Those of the operator."""
    return [yaml.safe_load(path.read_text()) for path in sorted((CHART / "crds").glob("*.yaml"))]


class Schemas:
    """Validators by `apiVersion` and `kind`; a field that a version does not know is an error."""

    def __init__(self, version: str) -> None:
        definitions = specification(version)["definitions"]
        for name, definition in definitions.items():
            _close(name, definition)
        self._kinds: dict[tuple[str, str], dict[str, Any]] = {}
        for name, definition in definitions.items():
            for kind in definition.get("x-kubernetes-group-version-kind", ()):
                api = "/".join(filter(None, (kind["group"], kind["version"])))
                self._kinds[api, kind["kind"]] = {"$ref": f"#/definitions/{name}", "definitions": definitions}
        for crd in (*crds(), *own_crds()):
            for served in crd["spec"]["versions"]:
                api = f"{crd['spec']['group']}/{served['name']}"
                schema = _closed_crd(served["schema"]["openAPIV3Schema"])
                schema["properties"] |= {"apiVersion": {}, "kind": {}, "metadata": {"type": "object"}}
                self._kinds[api, crd["spec"]["names"]["kind"]] = schema

    def errors(self, manifest: Mapping[str, Any]) -> Iterator[str]:
        """What is wrong with a manifest, each with its place."""
        schema = self._kinds.get((manifest["apiVersion"], manifest["kind"]))
        if schema is None:
            yield f"{manifest['apiVersion']} {manifest['kind']} is unknown"
            return
        for error in Draft7Validator(schema).iter_errors(manifest):
            place = ".".join(map(str, error.absolute_path))
            yield f"{manifest['kind']} {manifest['metadata']['name']}: {place}: {error.message[:300]}"


def _close(name: str, definition: dict[str, Any]) -> None:
    """Makes a definition say what the API server checks beyond it: unknown fields, and two types said in words."""
    if definition.get("format") == "int-or-string":
        definition.pop("type")
        definition["type"] = ["integer", "string"]
    elif name.endswith("resource.Quantity"):
        definition.update(QUANTITY)
    elif "properties" in definition and name not in FREE_FORM:
        definition.setdefault("additionalProperties", False)


def _closed_crd(schema: Any) -> Any:
    """The same for the schema of a CRD; Go's patterns that Python does not read are left to the API server."""
    if isinstance(schema, list):
        return [_closed_crd(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed_crd(value) for key, value in schema.items()}
    if closed.get("x-kubernetes-int-or-string"):
        closed.pop("type", None)
    if isinstance(pattern := closed.get("pattern"), str) and not _readable(pattern):
        del closed["pattern"]
    opens = "additionalProperties" in closed or closed.get("x-kubernetes-preserve-unknown-fields")
    if closed.get("type") == "object" and "properties" in closed and not opens:
        closed["additionalProperties"] = False
    return closed


def _readable(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True
