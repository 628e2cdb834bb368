"""One real pod of the hub's image: that images, DNS, storage and the scanner's walls hold on a real node."""

from __future__ import annotations

import base64
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.common.ids import new_id
from tests.cluster.hub_images import PROBES, scanner_with_probes
from tests.cluster.pods import pod, python, said_by
from tests.cluster.real_cluster import RealCluster
from tools.images.table import USER

RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


@pytest.fixture(scope="module")
def cluster(real_cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> RealCluster:
    """With the scanner's image and the probes."""
    real_cluster.load(*scanner_with_probes(tmp_path_factory.mktemp("probes")))
    return real_cluster


@pytest.fixture(scope="module")
def space(cluster: RealCluster) -> Iterator[str]:
    name = f"spike-{new_id().lower()}"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": RESTRICTED}}
    cluster.control_plane.apply(namespace)
    yield name
    cluster.control_plane.kubectl("delete", "namespace", name, "--wait=false")


def test_names_of_services_resolve_in_a_pod(cluster: RealCluster, space: str) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "catalog", "namespace": space}}
    cluster.control_plane.apply({**service, "spec": {"selector": {"app": "none"}, "ports": [{"port": 50051}]}})
    (address,) = cluster.control_plane.get("service", "catalog", "-n", space)["spec"]["clusterIPs"]
    names = ["catalog", f"catalog.{space}.svc.cluster.local", "kubernetes.default.svc", "example.org"]
    ask = f"""
import json, socket
def known(name):
    try:
        return socket.gethostbyname(name)
    except OSError as error:
        return str(error)
print(json.dumps([known(name) for name in {names}]))
"""
    found = json.loads(said_by(cluster.control_plane, pod("dns", space, PROBES, python(ask))))
    assert found[0] == found[1] == address
    assert found[2].endswith(".1")
    assert "resolution" in found[3] or "not known" in found[3], "nothing leads out of the cluster"


def test_what_a_pod_writes_outlives_it(cluster: RealCluster, space: str) -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data", "namespace": space}}
    wish = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    cluster.control_plane.apply({**claim, "spec": wish})
    write = "import os; open(os.environ['VOICEHUB_DATA'] + '/voice', 'w').write('still here')"
    read = "import os; print(open(os.environ['VOICEHUB_DATA'] + '/voice').read(), os.getuid())"
    said_by(cluster.control_plane, pod("writer", space, PROBES, python(write), claim="data"))
    assert said_by(cluster.control_plane, pod("reader", space, PROBES, python(read), claim="data")).split() == [
        "still",
        "here",
        str(USER),
    ]


class Attack:
    """Would write a marker if it were loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("/tmp/marker"),)


def test_the_static_scanner_refuses_an_attack_in_a_pod(cluster: RealCluster, space: str) -> None:
    attack = base64.b64encode(pickle.dumps({"weight": Attack()})).decode()
    honest = base64.b64encode(pickle.dumps({"weight": {}, "config": {}})).decode()
    scan = f"""
import base64, pathlib, subprocess, sys
for name, text in (("attack", "{attack}"), ("honest", "{honest}")):
    pathlib.Path("/tmp", name + ".pth").write_bytes(base64.b64decode(text))
subprocess.run([sys.executable, "-m", "voicescan", "/tmp/attack.pth", "/tmp/honest.pth", "--json"])
assert not pathlib.Path("/tmp/marker").exists()
"""
    attack_report, honest_report = json.loads(said_by(cluster.control_plane, pod("scan", space, PROBES, python(scan))))
    assert attack_report["verdict"] == "malicious"
    assert honest_report["verdict"] == "clean"


def test_the_pod_is_a_wall(cluster: RealCluster, space: str) -> None:
    """What hostile code would meet that got through the inner walls."""
    limits = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
    manifest = pod("pod", space, PROBES, ["python3", "-m", "inside.pod"], resources=limits)
    told = json.loads(said_by(cluster.control_plane, manifest))
    assert told["uid"] == USER
    assert int(told["capabilities"], 16) == 0
    assert told["no_new_privileges"] == "1"
    assert told["seccomp"] == "2"
    assert not told["token"]
    assert not told["others"], "no process of another pod is seen"
    assert "reached" not in told["write"].values()
    assert told["shadow"] != "reached"
    assert told["device"] == "Operation not permitted"
    let_through = {name for name, error in told["calls"].items() if error != "Operation not permitted"}
    assert let_through <= {"io_uring_setup"}, "containerd 1.6 allows it; the scanner's inner wall does not"
    assert told["fill"] == "No space left on device"
    assert 10 < told["forked"] < 2000
    assert told["memory"] == 9
    assert told["outside"] == "Network is unreachable"
    assert told["api"] == "reached", "the control: what is not forbidden can be reached"


def test_the_inner_walls_stand_in_a_pod(cluster: RealCluster, space: str) -> None:
    manifest = pod("walls", space, PROBES, ["python3", "-m", "inside.walls"])
    told = [json.loads(line) for line in said_by(cluster.control_plane, manifest).splitlines()]
    honest, *attacks = told
    assert honest["answer"] == {"kind": "reached", "what": "for the job"}
    assert honest["status"] == "finished"
    assert honest["attempts"] == []
    assert honest["walls"]["landlock"] > 0
    assert honest["walls"]["seccomp"] == "allow-list"
    assert len(attacks) > 15
    for attack in attacks:
        if attack["probe"] == "spin":
            assert attack["status"] == "timed-out"
            continue
        assert attack["answer"]["kind"] == "stopped", attack
        recorded = bool(attack["attempts"])
        assert recorded or attack.get("syscall"), f"{attack}: only what the pod itself refuses may go unrecorded"
