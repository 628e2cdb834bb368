"""The chart as Helm renders it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.builds import helm

CHART = Path(__file__).resolve().parents[2] / "charts" / "voicehub"
VALUES = ("minimal", "one-pod-on-engines", "production", "private-hub")
SECONDS = 60
Manifest = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """The specification of pods and their labels, with the name of the object that makes them."""

    name: str
    labels: dict[str, str]
    spec: dict[str, Any]

    @property
    def containers(self) -> list[dict[str, Any]]:
        """All of them, those for the beginning too."""
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def component(self) -> str:
        """Which part of the hub it is."""
        return self.labels["app.kubernetes.io/component"]


def values(name: str) -> Path:
    """The file of one of `VALUES`."""
    return CHART / "ci" / f"{name}-values.yaml"


def run_helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Helm without a cluster."""
    command = [str(helm()), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)


def render(name: str, *options: str, version: str = "1.34") -> list[Manifest]:
    """All manifests of the chart with those values, hooks and tests too."""
    given = ("-f", str(values(name)), "--namespace", "voices", f"--kube-version={version}.0", "--include-crds")
    done = run_helm("template", "hub", CHART, *given, *options)
    assert done.returncode == 0, done.stderr
    return [manifest for manifest in yaml.safe_load_all(done.stdout) if manifest]


def pods(manifests: list[Manifest]) -> Iterator[Pod]:
    """Every pod that the manifests make."""
    for manifest in manifests:
        name = f"{manifest['kind']} {manifest['metadata']['name']}"
        if manifest["kind"] == "Pod":
            yield Pod(name, manifest["metadata"]["labels"], manifest["spec"])
        elif "template" in manifest.get("spec", {}):
            template = manifest["spec"]["template"]
            yield Pod(name, template["metadata"]["labels"], template["spec"])


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    """Those of a kind."""
    return [manifest for manifest in manifests if manifest["kind"] == kind]
