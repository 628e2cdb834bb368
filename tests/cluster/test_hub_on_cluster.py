"""The hub in pods on a real node, installed by its chart: the story of `make demo`, thieves, upgrades, no way out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from gptsovits.judge.sentences import TEST_SENTENCES
from services.common.ids import new_id
from services.trainer.domain.endings import TRY_AGAIN
from tests.cluster.attempts import Thief, attempts
from tests.cluster.looking import wait_for
from tests.cluster.node import GPU
from tests.cluster.operating import training
from tests.cluster.real_cluster import RealCluster
from tests.cluster.release import NAME, POD, Release, installed
from tests.e2e.house import FEW_STEPS
from tools.demo.recording import find_source
from tools.demo.stage import Stage
from tools.demo.story import Story
from voicehub.cli.output import Output

pytestmark = pytest.mark.timeout(1800)  # the first time five gigabytes of torch are unpacked


@pytest.fixture(scope="module")
def release(real_cluster: RealCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    folder, namespace = tmp_path_factory.mktemp("hub"), f"hub-{new_id().lower()}"
    with installed(real_cluster, folder, namespace) as hub:
        yield hub


def test_the_hub_is_whole(release: Release) -> None:
    assert "Phase:          Succeeded" in release.helm("test", "--timeout=300s")


def test_nothing_leads_out_of_its_namespace(release: Release) -> None:
    """`egress: none` with the node's own truth: no route, so no name and no address outside."""
    ask = "import socket; socket.create_connection(('{}', {}), 3).close()"
    kubectl = release.cluster.control_plane.try_kubectl
    inside = ("exec", POD, "-c", "gateway", "-n", release.namespace, "--", "python3", "-c")
    for host in ("192.0.2.1", "1.1.1.1"):
        refused = kubectl(*inside, ask.format(host, 443))
        assert refused.returncode
        assert "unreachable" in refused.stderr
    assert kubectl(*inside, ask.format(NAME, 80)).returncode == 0, "the control: the hub itself is reached"


def test_the_story_of_the_demo(release: Release, tmp_path: Path) -> None:
    short_trainings(release)
    try:
        stage = Stage(tmp_path, release.url)
        report = Story(stage, find_source(), tmp_path, quick=True, out=Output(), sentences=TEST_SENTENCES[:2]).tell()
    except BaseException:
        print(release.words())
        raise
    assert len(report["seconds_by_chapter"]) == 7
    assert len(report["table"]) >= 4
    trainings = release.get("trainingjobs")["items"]
    assert len(trainings) == 1, json.dumps(trainings, indent=1)
    (training,) = trainings
    assert training["status"]["phase"] == "Succeeded"
    jobs = release.get("jobs", "-l", "voicehub.dev/kind=training")["items"]
    told = json.dumps([training["status"], *(job["status"] for job in jobs)], indent=1)
    # A machine that is too busy may lose an attempt; the next one goes on. None may be made beside another.
    assert len(jobs) == training["status"]["attempt"], told
    assert training["status"].get("failures", 0) == 0, told + release.words()
    (job,) = [one for one in jobs if one["status"].get("succeeded")]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"][GPU] == "1"
    assert job["status"]["succeeded"] == 1


def test_a_training_that_failed_says_why(release: Release) -> None:
    """What the kubelet keeps of the worker's last words, not only that its Job has failed."""
    (name,) = [queue["metadata"]["name"] for queue in release.get("trainingqueues")["items"]]
    missing = "0" * 64
    work = json.dumps(training("lost-request", queue=name, retries=0, job="none", request=missing))
    release.cluster.control_plane.kubectl("create", "-n", release.namespace, "-f", "-", given=work)

    def status() -> dict[str, Any]:
        return dict(release.get("trainingjob", "lost-request").get("status") or {})

    wait_for(lambda: status().get("phase") == "Failed", 120, lambda: str(status()))
    assert (status()["exitCode"], status()["message"]) == (TRY_AGAIN, f"KeyError: '{missing}'")


def short_trainings(release: Release) -> None:
    """How well the voice speaks is judged by the demo; here its training goes the whole road, but in fewer steps."""
    settings = [{"name": name, "value": value} for name, value in FEW_STEPS.items()]
    change = [{"op": "add", "path": "/spec/worker/env/-", "value": one} for one in settings]
    for queue in release.get("trainingqueues")["items"]:
        what = ("trainingqueue", queue["metadata"]["name"], "-n", release.namespace)
        release.cluster.control_plane.kubectl("patch", *what, "--type=json", f"--patch={json.dumps(change)}")


@pytest.mark.parametrize("account", ["hub", "operator"])
def test_a_stolen_token_opens_nothing(release: Release, account: str) -> None:
    thief = Thief(release.cluster.control_plane, release.namespace, f"{NAME}-{account}")
    assert thief.tries("get", "trainingjobs", "-n", release.namespace).returncode == 0, "the control: its own work"
    opened = {}
    for name, arguments, given in attempts(thief):
        tried = thief.tries(*arguments, given=given)
        if tried.returncode == 0 or "forbidden" not in tried.stderr.lower():
            opened[name] = (tried.stdout + tried.stderr)[-300:]
    assert opened == {}


def test_an_upgrade_and_a_rollback_lose_nothing(release: Release) -> None:
    before, token = counted(release), secret(release)
    assert before
    uid = release.get("pod", POD)["metadata"]["uid"]
    release.apply("upgrade", logLevel="DEBUG")
    assert release.get("pod", POD)["metadata"]["uid"] != uid
    assert (counted(release), secret(release)) == (before, token)
    release.helm("rollback", "1", "--wait", "--timeout=300s")
    assert (counted(release), secret(release)) == (before, token)


def counted(release: Release) -> int:
    """Voices that anybody finds."""
    with urlopen(f"{release.url}/v1/search?q=", timeout=30) as answer:
        return int(json.load(answer)["total"])


def secret(release: Release) -> str:
    """The token of the first administrator."""
    return str(release.get("secret", f"{NAME}-bootstrap")["data"]["token"])


def test_uninstalled_it_leaves_volumes_and_what_it_was_given(release: Release) -> None:
    claims = {one["metadata"]["name"] for one in release.get("persistentvolumeclaims")["items"]}
    release.helm("uninstall", "--wait", "--timeout=180s")
    mine = ("-l", f"app.kubernetes.io/instance={NAME}")
    ended = ("wait", "--for=delete", "pods", *mine, "-n", release.namespace, "--timeout=120s")
    release.cluster.control_plane.kubectl(*ended)  # Helm does not wait for what a StatefulSet made
    for kind in ("pods", "deployments", "statefulsets", "services", "roles", "rolebindings", "trainingqueues"):
        assert release.get(kind, *mine)["items"] == [], kind
    left = {one["metadata"]["name"] for one in release.get("persistentvolumeclaims")["items"]}
    assert left == claims
    assert release.get("secret", "engines")
