"""The chart on a real API server: installed, upgraded, rolled back, removed; what is refused there, and what stays.

Its pods run on nodes that kwok plays: scheduling, admission, hooks and rights are real, the containers are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from services.common.admin.keys import manifest
from tests.cluster.chart import CHART, render, values
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_nodes import TAINT
from tests.cluster.openapi import crds, own_crds

TOLERATIONS = json.dumps([{"key": TAINT["key"], "operator": "Exists"}])
FAILS = "podAnnotations.voicehub\\.test/exit-code=1"
WAIT = ("--wait", "--timeout", "150s")
MINE = "app.kubernetes.io/instance=hub"


class Release:
    """The release `hub` in a namespace."""

    def __init__(self, cluster: ControlPlane, namespace: str) -> None:
        self.cluster, self.namespace = cluster, namespace

    def helm(self, verb: str, *arguments: str) -> str:
        return self.cluster.helm(verb, "hub", *arguments, "-n", self.namespace)

    def apply(self, verb: str, name: str, *more: str) -> str:
        """Installs or upgrades with those values, on nodes that only tolerant pods reach."""
        given = (str(CHART), "-f", str(values(name)), "--set-json", f"tolerations={TOLERATIONS}")
        sized = ("--set", f"storage.shared.storageClass={self.namespace},storage.scans.storageClass={self.namespace}")
        data = ("--set", f"storage.data.storageClass={self.namespace}")
        return self.helm(verb, *given, *sized, *data, "--skip-crds", *WAIT, *more)

    def get(self, kind: str) -> list[dict[str, Any]]:
        return list(self.cluster.get(kind, "-n", self.namespace, "-l", MINE)["items"])

    def images(self) -> set[str]:
        """Of the running pods of the services."""
        running = [pod for pod in self.get("pods") if pod["status"]["phase"] == "Running"]
        return {c["image"] for pod in running for c in pod["spec"]["containers"]}

    def bootstrap(self) -> str:
        secret = self.cluster.get("secret", "hub-voicehub-bootstrap", "-n", self.namespace)
        return str(secret["data"]["token"])

    def claims(self) -> dict[str, str]:
        found = self.cluster.get("pvc", "-n", self.namespace)["items"]
        return {claim["metadata"]["name"]: claim["metadata"]["uid"] for claim in found}

    def hooks(self) -> int:
        """How often migrations were begun."""
        events = self.cluster.get("events", "-n", self.namespace)["items"]
        pods = {e["involvedObject"]["name"] for e in events if e["involvedObject"]["kind"] == "Pod"}
        return sum(name.startswith("hub-voicehub-migrate-") for name in pods)


@pytest.fixture
def release(control_plane: ControlPlane, namespace: str) -> Iterator[Release]:
    """Nothing yet but what others must bring: Secrets, volumes, the kinds of other operators."""
    control_plane.apply(*crds(), *own_crds())
    control_plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    engines = {"database": "postgresql+psycopg://x", "objects": "s3://x"}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "voicehub-engines", "namespace": namespace}}
    keys = {"metadata": {"name": "voicehub-keys", "namespace": namespace}}
    control_plane.apply(
        {**secret, "stringData": engines}, {**_keys(), **keys}, *(_volume(namespace, n) for n in range(3))
    )
    yield Release(control_plane, namespace)
    control_plane.kubectl("delete", "pv", "-l", f"for={namespace}", "--wait=false")


def _keys() -> dict[str, object]:
    with TemporaryDirectory() as folder:
        return manifest("voicehub-keys", Path(folder))


def _volume(namespace: str, number: int) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{namespace}-{number}", "labels": {"for": namespace}},
        "spec": {
            "capacity": {"storage": "300Gi"},
            "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
            "storageClassName": namespace,
            "hostPath": {"path": f"/nowhere/{namespace}-{number}"},
        },
    }


def test_a_production_hub_is_upgraded_rolled_back_and_removed_and_loses_nothing(release: Release) -> None:
    release.apply("install", "production")
    assert {image.rpartition(":")[2] for image in release.images()} == {"0.1.0", "25.08-py3"}
    assert release.hooks() == 1
    token, claims = release.bootstrap(), release.claims()
    assert set(claims) == {"hub-voicehub-shared", "hub-voicehub-scans"}
    warned = [
        e for e in release.cluster.get("events", "-n", release.namespace)["items"] if e["reason"] == "FailedCreate"
    ]
    assert warned == [], "no pod was refused by the level `restricted`"

    release.apply("upgrade", "production", "--set", "image.tag=0.2.0")
    assert {image.rpartition(":")[2] for image in release.images()} == {"0.2.0", "25.08-py3"}
    assert (release.hooks(), release.bootstrap(), release.claims()) == (2, token, claims)

    with pytest.raises(RuntimeError, match="pre-upgrade hooks failed"):
        release.apply("upgrade", "production", "--set", "image.tag=0.3.0,hooks.retries=0", "--set-string", FAILS)
    assert {image.rpartition(":")[2] for image in release.images()} == {"0.2.0", "25.08-py3"}, "the old one goes on"

    release.helm("rollback", "1", *WAIT)
    assert {image.rpartition(":")[2] for image in release.images()} == {"0.1.0", "25.08-py3"}
    assert (release.bootstrap(), release.claims()) == (token, claims)

    release.helm("uninstall", *WAIT)
    for kind in ("deployments", "services", "networkpolicies", "roles", "serviceaccounts", "trainingqueues"):
        assert release.get(kind) == [], kind
    assert release.claims() == claims
    assert release.cluster.get("secret", "voicehub-keys", "-n", release.namespace)


def test_a_hub_in_one_pod_keeps_its_volume(release: Release) -> None:
    release.apply("install", "minimal")
    (pod,) = release.get("pods")
    assert len(pod["spec"]["containers"]) == 5
    claims = release.claims()
    assert set(claims) == {"data-hub-voicehub-0"}
    release.apply("upgrade", "minimal", "--set", "image.tag=0.2.0")
    assert {image.rpartition(":")[2] for image in release.images()} == {"0.2.0"}
    release.helm("rollback", "1", *WAIT)
    assert {image.rpartition(":")[2] for image in release.images()} == {"0.1.0"}
    release.helm("uninstall", *WAIT)
    assert release.claims() == claims
    release.apply("install", "minimal")
    assert release.claims() == claims


def test_the_accounts_can_do_what_their_roles_say_and_nothing_else(release: Release) -> None:
    release.apply("install", "one-pod-on-engines")

    def may(account: str, verb: str, what: str) -> bool:
        who = f"--as=system:serviceaccount:{release.namespace}:hub-voicehub-{account}"
        asked = release.cluster.try_kubectl("auth", "can-i", verb, what, who, "-n", release.namespace)
        return asked.stdout.strip() == "yes"

    assert may("hub", "create", "trainingjobs.voicehub.dev")
    assert may("hub", "create", "scanjobs.voicehub.dev")
    assert may("operator", "create", "jobs.batch")
    for account in ("hub", "operator"):
        for verb, what in (("get", "secrets"), ("create", "pods"), ("create", "pods/exec"), ("create", "rolebindings")):
            assert not may(account, verb, what), (account, verb, what)
    assert not may("hub", "create", "jobs.batch")
    (queue,) = release.get("trainingqueues")
    assert queue["spec"]["worker"]["command"] == ["python3", "-m", "services.trainer.pod"]


@pytest.mark.parametrize("name", ["private-hub", "production"])
def test_the_api_server_takes_every_manifest_as_it_is(release: Release, name: str) -> None:
    manifests = [one for one in render(name) if one["kind"] != "CustomResourceDefinition"]
    for one in manifests:
        one["metadata"]["namespace"] = release.namespace
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests})
    options = ("--dry-run=server", "--validate=strict")
    done = release.cluster.try_kubectl("create", "-f", "-", *options, given=listed)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
