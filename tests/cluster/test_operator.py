"""The operator on a real control plane with nodes that kwok plays. Long runs: bench/operator.py and the soak."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.cluster.fake_nodes import GROUP, FakeNodes
from tests.cluster.looking import Client, Gpus, Watcher, wait_for
from tests.cluster.operating import Replica, account, install_crds, plays, queue, training
from tests.cluster.servers import LEASE_ENDS_SECONDS

if TYPE_CHECKING:
    from tests.cluster.control_plane import ControlPlane

HOLDS = {"voicehub.test/holds": "true"}
COLLECTED_SECONDS = 90.0
"""The cluster's garbage collector looks for new kinds of owners every 30 s."""
LOST_NODE_SECONDS = LEASE_ENDS_SECONDS + 80.0
"""Until a node is noticed to be lost, its pods have been evicted and their time of grace is over."""


@dataclass
class Site:
    """A namespace with the operator's account, and a client that may do everything."""

    cluster: ControlPlane
    namespace: str
    kubeconfig: Path
    client: Client
    home: Path

    def replica(self, identity: str = "one", **settings: object) -> Replica:
        """A replica of the operator."""
        return Replica(self.kubeconfig, self.namespace, identity, self.home, **settings)

    def queue(self, name: str = "gpu", quota: int = 8, **spec: Any) -> None:
        self.client.create("trainingqueues", queue(self.namespace, name, quota, **spec))

    def train(self, name: str, organisation: str = "acme", **spec: Any) -> None:
        self.client.create("trainingjobs", training(name, organisation, **spec))

    def status(self, name: str) -> dict[str, Any]:
        return dict(self.client.get("trainingjobs", name).get("status") or {})

    def wait(self, name: str, phase: str, seconds: float = 90.0) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def reached() -> bool:
            seen.clear()
            seen.update(self.status(name))
            return seen.get("phase") == phase

        wait_for(reached, seconds, lambda: f"{name} {phase}: {seen}")
        return seen

    def phases(self) -> Counter[str]:
        return Counter((t.get("status") or {}).get("phase", "") for t in self.client.items("trainingjobs"))

    def in_use(self, name: str = "gpu") -> int:
        return int((self.client.get("trainingqueues", name).get("status") or {}).get("inUse", 0))


@pytest.fixture(scope="session")
def crds(bare_control_plane: ControlPlane) -> None:
    install_crds(bare_control_plane)


@pytest.fixture
def site(control_plane: ControlPlane, crds: None, namespace: str, tmp_path: Path) -> Iterator[Site]:
    path = account(control_plane, namespace, "operator", tmp_path)
    made = Site(control_plane, namespace, path, Client(control_plane.kubeconfig, namespace), tmp_path)
    yield made
    for one in made.client.items("trainingqueues"):  # else its finalizer keeps the namespace
        made.client.patch("trainingqueues", one["metadata"]["name"], {"metadata": {"finalizers": None}})


@pytest.fixture
def operator(site: Site) -> Iterator[Replica]:
    with site.replica() as replica:
        yield replica


def condition(resource: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in resource["status"]["conditions"] if one["type"] == name)


def test_a_training_becomes_a_job_and_ends(site: Site, operator: Replica) -> None:
    site.queue(nodeSelector={"type": "kwok"})
    site.train("voice", gpus=2, podAnnotations=plays(5000), ttlSecondsAfterFinished=5)
    site.wait("voice", "Running")
    job, pods = site.client.get("jobs", "voice-1"), site.client.items("pods")
    assert job["metadata"]["ownerReferences"][0]["name"] == "voice"
    assert (len(pods), pods[0]["spec"].get("automountServiceAccountToken")) == (1, False)
    assert pods[0]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert site.in_use() == 2
    site.wait("voice", "Succeeded")
    ended = site.client.get("trainingjobs", "voice")
    assert condition(ended, "Succeeded")["status"] == "True"
    assert condition(ended, "Succeeded")["observedGeneration"] == ended["metadata"]["generation"]
    wait_for(lambda: site.in_use() == 0, what="the GPUs are given back")
    shares = site.client.get("trainingqueues", "gpu")["status"]["shares"]
    assert shares[0]["organisation"] == "acme"
    assert shares[0]["gpuSeconds"] > 2
    wait_for(lambda: not site.client.items("trainingjobs"), what="the time to live is over")
    wait_for(lambda: not site.client.items("jobs"), what="its Job goes with it")
    told = httpx.get(f"http://127.0.0.1:{operator.metrics}/metrics").text
    assert 'voicehub_operator_trainings_ended_total{phase="Succeeded",queue="gpu"} 1.0' in told
    assert "voicehub_operator_leader 1.0" in told


def refused(site: Site, manifest: dict[str, Any]) -> str:
    manifest = {**manifest, "metadata": {**manifest["metadata"], "namespace": site.namespace}}
    done = site.cluster.try_kubectl("create", "--dry-run=server", "-f", "-", given=json.dumps(manifest))
    return done.stderr if done.returncode else ""


def test_the_schema_refuses_what_cannot_be(site: Site) -> None:
    assert refused(site, training("fine")) == ""  # the positive control
    assert "50 characters" in refused(site, training("x" * 51))
    assert "gpus" in refused(site, training("none", gpus=0))
    assert "organisation" in refused(site, training("odd", organisation="not a label!"))
    assert "kueueQueue" in refused(site, queue(site.namespace, "q", 1, mode="Kueue"))
    assert "at most quota" in refused(site, queue(site.namespace, "q", 1, organisationQuota=2))
    assert "maxSeconds" in refused(site, queue(site.namespace, "q", 1, backoff={"baseSeconds": 9, "maxSeconds": 1}))
    site.train("voice", cancelled=True)
    for change in ({"queue": "other"}, {"gpus": 2}, {"cancelled": False}):
        with pytest.raises(RuntimeError, match="422"):
            site.client.patch("trainingjobs", "voice", {"spec": change})
    scan = {"apiVersion": "voicehub.dev/v1alpha1", "kind": "ScanJob", "metadata": {"name": "scan"}}
    assert refused(site, {**scan, "spec": {"folder": "a"}}) == ""
    assert "folder" in refused(site, {**scan, "spec": {"folder": "../etc"}})


def test_the_quota_is_never_exceeded_and_organisations_share_it(site: Site, operator: Replica) -> None:
    site.queue(quota=6)
    gpus = Gpus()
    with Watcher(site.client, "jobs", gpus.see):
        for number in range(36):
            site.train(f"v{number}", f"org-{number % 3}", gpus=1 + number % 2, podAnnotations=plays(600))
        wait_for(lambda: site.phases()["Succeeded"] == 36, 90, "all succeed")
    assert gpus.most["gpu"] == 6  # used to the last, and never exceeded
    assert len(gpus.first_seen) == 36
    mean = sum(gpus.seconds.values()) / 3
    assert all(abs(value / mean - 1) < 0.35 for value in gpus.seconds.values()), dict(gpus.seconds)


def test_the_exit_code_decides_about_another_attempt(site: Site, operator: Replica) -> None:
    site.queue()
    site.train("bad", retries=3, podAnnotations=plays(200, 65))
    site.train("weak", retries=1, podAnnotations=plays(200, 1))
    bad, weak = site.wait("bad", "Failed"), site.wait("weak", "Failed")
    assert (bad["reason"], bad["attempt"], bad["exitCode"]) == ("BadInput", 1, 65)
    assert (weak["reason"], weak["attempt"], weak["failures"]) == ("Failed", 2, 2)
    assert sorted(job["metadata"]["name"] for job in site.client.items("jobs")) == ["bad-1", "weak-1", "weak-2"]


def test_cancel_pause_and_removal_end_the_pod_before_its_gpus_are_free(site: Site, operator: Replica) -> None:
    site.queue(quota=3)
    for name in ("stops", "pauses", "goes"):
        site.train(name, podAnnotations=HOLDS)
    for name in ("stops", "pauses", "goes"):
        site.wait(name, "Running")
    site.train("waits", podAnnotations=plays(300))
    site.wait("waits", "Queued")
    site.client.patch("trainingjobs", "stops", {"spec": {"cancelled": True}})
    site.wait("stops", "Cancelled")
    site.wait("waits", "Succeeded")
    site.client.patch("trainingjobs", "pauses", {"spec": {"paused": True}})
    site.wait("pauses", "Paused")
    site.client.delete("trainingjobs", "goes")
    wait_for(lambda: not site.client.items("pods", "voicehub.dev/owner=goes"), COLLECTED_SECONDS, "the pod goes")
    wait_for(lambda: site.in_use() == 0, what="nobody holds a GPU")
    site.client.patch("trainingjobs", "pauses", {"spec": {"paused": False}})
    assert site.wait("pauses", "Running")["attempt"] == 2  # told the last checkpoint
    assert condition(site.client.get("trainingjobs", "pauses"), "Admitted")["status"] == "True"


@pytest.fixture
def doomed(control_plane: ControlPlane) -> Iterator[FakeNodes]:
    """A node with four GPUs that may be lost."""
    with FakeNodes(control_plane, 1, group="doomed") as nodes:
        yield nodes
        nodes.remove()


def test_a_lost_node_costs_an_attempt_but_no_retry(site: Site, operator: Replica, doomed: FakeNodes) -> None:
    """Its lease is not renewed any more; all that follows is done by the cluster and the operator."""
    site.queue(nodeSelector={GROUP: "doomed"})
    digests = {"one": "a1" * 32, "two": "b2" * 32, "three": "c3" * 32}
    for name, digest in digests.items():
        site.train(name, retries=0, podAnnotations=HOLDS)
        site.wait(name, "Running")
        site.client.patch("trainingjobs/status", name, {"status": {"checkpoint": digest}})  # as the trainer writes it
    site.client.patch("trainingqueues", "gpu", {"spec": {"nodeSelector": {GROUP: "gpu"}}})
    doomed.kill()
    for name, digest in digests.items():
        wait_for(lambda n=name: site.status(n).get("job") == f"{n}-2", LOST_NODE_SECONDS, "another attempt")  # type: ignore[misc]
        status = site.wait(name, "Running")
        assert (status["attempt"], status["failures"], status["lost"]) == (2, 0, 1)
        (again,) = site.client.items("pods", f"voicehub.dev/owner={name}")  # the pod that nobody ended was removed
        assert again["spec"]["nodeName"].startswith("gpu-")
        given = {one["name"]: one.get("value") for one in again["spec"]["containers"][0]["env"]}
        assert given["VOICEHUB_TRAINING_CHECKPOINT"] == digest
    assert site.in_use() == 3


def test_kills_and_a_restarted_api_server_lose_nothing_and_run_nothing_twice(site: Site) -> None:
    site.queue(quota=6)
    gpus, replica = Gpus(), site.replica(lease_seconds=2)
    with Watcher(site.client, "jobs", gpus.see), replica:
        for number in range(32):
            site.train(f"v{number}", f"org-{number % 4}", podAnnotations=plays(300 + 50 * (number % 7)))
        for kill in range(3):
            done = site.phases()["Succeeded"]
            wait_for(lambda d=done: site.phases()["Succeeded"] >= d + 4, 60, "work goes on")  # type: ignore[misc]
            replica.kill()
            if kill == 1:
                site.cluster.api_server.kill()
                site.cluster.api_server.start()
            replica.start()
        wait_for(lambda: site.phases()["Succeeded"] == 32, 120, f"all succeed: {site.phases()}")
    pods = Counter(pod["metadata"]["labels"]["voicehub.dev/owner"] for pod in site.client.items("pods"))
    assert len(site.client.items("jobs")) == 32  # one attempt each
    assert set(pods.values()) == {1}
    assert len(pods) == 32
    assert gpus.most["gpu"] == 6


def test_a_second_replica_takes_over_and_nothing_is_done_twice(site: Site) -> None:
    site.queue(quota=4)
    gpus = Gpus()
    with Watcher(site.client, "jobs", gpus.see), site.replica("one") as one, site.replica("two") as two:
        for number in range(24):
            site.train(f"v{number}", podAnnotations=plays(500))
        wait_for(lambda: site.phases()["Succeeded"] >= 4, 60, "work begins")
        holder = site.client.get("leases", "voicehub-operator")["spec"]["holderIdentity"]
        first, second = (one, two) if holder == "one" else (two, one)
        assert first.process is not None
        first.process.send_signal(signal.SIGSTOP)
        wait_for(
            lambda: site.client.get("leases", "voicehub-operator")["spec"]["holderIdentity"] != holder, 20, "takes over"
        )
        done = site.phases()["Succeeded"]
        wait_for(lambda: site.phases()["Succeeded"] >= done + 2, 60, "the other one works")
        first.process.send_signal(signal.SIGCONT)
        wait_for(lambda: site.phases()["Succeeded"] == 24, 60, "all succeed")
        assert "voicehub_operator_leader 1.0" in httpx.get(f"http://127.0.0.1:{second.metrics}/metrics").text
        assert "voicehub_operator_leader 0.0" in httpx.get(f"http://127.0.0.1:{first.metrics}/metrics").text
        begin = time.monotonic()
        second.kill(signal.SIGTERM)  # gives the lease back
        site.train("last", podAnnotations=plays(200))
        site.wait("last", "Succeeded")
        assert time.monotonic() - begin < 10
    assert len(site.client.items("jobs")) == 25
    assert gpus.most["gpu"] == 4


def test_kueue_admits_where_it_shall(site: Site, operator: Replica) -> None:
    site.queue(quota=0, mode="Kueue", kueueQueue="local")
    site.train("voice", podAnnotations=plays(500))
    wait_for(lambda: site.client.items("jobs"), what="a suspended Job")
    job = site.client.get("jobs", "voice-1")
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "local"
    assert site.wait("voice", "Queued")["reason"] == "Kueue"
    site.client.patch("jobs", "voice-1", {"spec": {"suspend": False}})  # as Kueue does
    site.wait("voice", "Succeeded")


def test_a_scan_becomes_one_walled_pod(site: Site) -> None:
    scan = {"apiVersion": "voicehub.dev/v1alpha1", "kind": "ScanJob", "metadata": {"name": "scan"}}
    with site.replica(scan_image="local/scanner:1", scan_claim="scans"):
        site.client.create("scanjobs", {**scan, "spec": {"folder": "scan"}})
        wait_for(lambda: site.client.items("jobs"), what="a Job")
        template = site.client.get("jobs", "scan")["spec"]["template"]["spec"]
        assert template["automountServiceAccountToken"] is False
        assert template["containers"][0]["env"] == [
            {"name": "HOME", "value": "/nonexistent"},
            {"name": "OMP_NUM_THREADS", "value": "1"},
        ]
        assert [m["subPath"] for m in template["containers"][0]["volumeMounts"] if "subPath" in m] == [
            "scan",
            "scan/result",
        ]
        assert "envFrom" not in template["containers"][0]
        site.client.patch("jobs", "scan", {"spec": {"activeDeadlineSeconds": 1}})
        wait_for(lambda: (site.client.get("scanjobs", "scan").get("status") or {}).get("phase") == "Failed", 30)
        assert site.client.get("scanjobs", "scan")["status"]["reason"] == "DeadlineExceeded"
        site.client.delete("scanjobs", "scan")
        wait_for(lambda: not site.client.items("jobs"), what="its Job goes with it")
    with site.replica("two"):
        site.client.create("scanjobs", {**scan, "spec": {"folder": "scan"}})
        wait_for(lambda: (site.client.get("scanjobs", "scan").get("status") or {}).get("reason") == "NotConfigured")


@pytest.mark.parametrize("name", ["operator", "trainer", "scanner"])
def test_an_account_may_do_its_work_and_nothing_else(site: Site, name: str, tmp_path: Path) -> None:
    user = account(site.cluster, site.namespace, name, tmp_path)
    own = {"operator": "create jobs", "trainer": "create trainingjobs", "scanner": "create scanjobs"}[name]

    def may(question: str, namespace: str = site.namespace) -> bool:
        done = site.cluster.try_kubectl("auth", "can-i", *question.split(), "-n", namespace, user=user)
        return done.stdout.strip() == "yes"

    assert may(own)
    assert not may(own, "default")
    for forbidden in (
        "get secrets", "list secrets", "create pods", "create pods/exec", "get pods/log",
        "create serviceaccounts/token",
        "create roles", "update rolebindings", "escalate roles", "impersonate users", "create persistentvolumeclaims",
        "get nodes", "list namespaces", "get customresourcedefinitions", "create trainingqueues", "get configmaps",
    ):  # fmt: skip
        assert not may(forbidden), forbidden
