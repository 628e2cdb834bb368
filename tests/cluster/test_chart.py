"""What the chart renders: valid for three versions of Kubernetes, restricted, closed; refused when it cannot work."""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.chart import CHART, VALUES, Manifest, Pod, of_kind, pods, render, run_helm, values
from tests.cluster.openapi import KUBERNETES, Schemas
from tests.cluster.pod_security import house_violations, violations
from voicehub_operator.manifests.scan import scan_job
from voicehub_operator.manifests.training import training_job

schemas = functools.cache(Schemas)
rendered = functools.cache(render)
SCAN = {"folder": "f", "memoryMebibytes": 512, "wallSeconds": 60}
SERVICES = ("catalog", "trainer", "scanner", "inference", "gateway")


@pytest.mark.parametrize("name", VALUES)
def test_lint(name: str) -> None:
    done = run_helm("lint", CHART, "-f", values(name), "--strict")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("name", VALUES)
def test_every_manifest_is_valid(name: str, version: str) -> None:
    manifests = rendered(name, version=version)
    assert len(manifests) > 8
    assert [error for manifest in manifests for error in schemas(version).errors(manifest)] == []


@pytest.mark.parametrize("version", KUBERNETES)
def test_a_wrong_field_is_caught(version: str) -> None:
    (workload,) = of_kind(rendered("minimal"), "StatefulSet")
    for place, value in (("replica", 1), ("replicas", "one"), ("template", {"spec": {"container": []}})):
        wrong = copy.deepcopy(workload)
        wrong["spec"][place] = value
        assert list(schemas(version).errors(wrong)), place
    (route,) = of_kind(rendered("production"), "HTTPRoute")
    assert list(schemas(version).errors({**route, "spec": {**route["spec"], "hostname": "x"}}))
    assert list(schemas(version).errors({**workload, "apiVersion": "apps/v2"})) == ["apps/v2 StatefulSet is unknown"]


def test_without_a_registry_one_is_told_how() -> None:
    done = run_helm("template", "hub", CHART)
    assert done.returncode == 1
    assert "Say where the images are: --set global" in done.stderr
    assert "docs/operate" in done.stderr


REFUSED = {
    "a typing error": ("global.imageRegistri=x", "imageRegistri"),
    "another egress": ("egress=some", "egress"),
    "a registry with a slash at its end": ("global.imageRegistry=registry.example/", "imageRegistry"),
    "Triton without shared storage": ("triton.backend=python", "triton"),
    "production without engines": ("profile=production", "/engines/database"),
    "trainings on a cluster without the operator": ("training.mode=kubernetes", "/operator/enabled"),
    "trainings on a cluster, objects in a pod": ("training.mode=kubernetes,operator.enabled=true", "/engines/objects"),
    "a password in the values": ("engines.database.url=postgresql://x:y@h/d", "belongs into a Secret"),
    "an ingress without a host": ("ingress.enabled=true", "/ingress/host"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_values_that_cannot_work_are_refused(why: str) -> None:
    given, said = REFUSED[why]
    done = run_helm("template", "hub", CHART, "-f", values("minimal"), "--set", given)
    assert done.returncode == 1
    assert said in done.stderr


def test_production_must_say_how_services_trust_each_other() -> None:
    options = ("template", "hub", CHART, "-f", values("production"))
    assert "'off'" not in run_helm(*options).stderr
    for given, said in (("tls.mode=off", "/tls/mode"), ("keys.existingSecret=", "voicehub-admin keys secret")):
        done = run_helm(*options, "--set", given)
        assert done.returncode == 1
        assert said in done.stderr
    done = run_helm("template", "hub", CHART, "-f", values("private-hub"), "--set", "tls.existingSecrets.trainer=null")
    assert "trainer" in done.stderr


def test_never_two_trainers_train_in_their_own_pods() -> None:
    """Both would train the same jobs, and who cancels one would reach one of them."""

    def strategy(*options: str) -> str:
        found = {
            one["metadata"]["name"]: one["spec"] for one in of_kind(rendered("production", *options), "Deployment")
        }
        assert found["hub-voicehub-catalog"]["strategy"]["type"] == "RollingUpdate"
        return str(found["hub-voicehub-trainer"]["strategy"]["type"])

    local = ("--set", "training.mode=local")
    assert strategy(*local) == "Recreate"
    assert strategy("--set", "trainer.replicas=2") == "RollingUpdate"  # in a cluster they look at the same TrainingJobs
    done = run_helm("template", "hub", CHART, "-f", values("production"), *local, "--set", "trainer.replicas=2")
    assert done.returncode == 1
    assert "/trainer/replicas" in done.stderr


@pytest.mark.parametrize("name", VALUES)
def test_every_pod_is_restricted(name: str) -> None:
    found = list(pods(rendered(name)))
    assert len(found) >= 2
    for pod in found:
        assert list(violations(pod)) == [], pod.name
        callers = () if name == "minimal" else ("operator", "scanner", "trainer")
        assert list(house_violations(pod, callers)) == [], pod.name


def test_what_is_not_restricted_is_noticed() -> None:
    good = next(pod for pod in pods(rendered("minimal")) if pod.component == "hub")
    assert not list(violations(good))
    container = {
        "name": "x",
        "image": "elsewhere/x",
        "ports": [{"hostPort": 1}],
        "securityContext": {"privileged": True},
    }
    spec = {"hostNetwork": True, "volumes": [{"name": "h", "hostPath": {}}], "containers": [container]}
    said = list(violations(Pod("x", {}, spec)))
    assert len(said) == 8, said
    assert len(list(house_violations(Pod("x", {}, spec), callers=["x"]))) == 7


def test_the_smallest_hub_needs_no_gpu_and_one_volume() -> None:
    manifests = rendered("minimal")
    assert "nvidia.com/gpu" not in str([one for one in manifests if one["kind"] != "CustomResourceDefinition"])
    (hub,) = of_kind(manifests, "StatefulSet")
    assert [claim["spec"]["accessModes"] for claim in hub["spec"]["volumeClaimTemplates"]] == [["ReadWriteOnce"]]
    (pod,) = (pod for pod in pods(manifests) if pod.component == "hub")
    assert [container["name"] for container in pod.spec["containers"]] == list(SERVICES)
    assert [container["command"][-1] for container in pod.spec["initContainers"]] == ["migrate"]


def test_a_private_key_is_in_the_pods_of_its_service_only() -> None:
    for pod in pods(rendered("production")):
        keys = [v["secret"] for v in pod.spec["volumes"] if v.get("secret", {}).get("secretName") == "voicehub-keys"]
        private = {
            item["path"] for secret in keys for item in secret["items"] if not item["path"].startswith("public/")
        }
        assert private == ({f"{pod.component}.pem"} if pod.component in SERVICES else set()), pod.name


def test_one_value_chooses_the_backend_of_triton() -> None:
    for backend in ("onnxruntime", "tensorrt"):
        manifests = rendered("production", "--set", f"triton.backend={backend}")
        (inference,) = (pod for pod in pods(manifests) if pod.component == "inference")
        environment = {one["name"]: one.get("value") for one in inference.spec["containers"][0]["env"]}
        assert f"backend={backend}&" in environment["VOICEHUB_INFERENCE_URL"]
        (triton,) = (pod for pod in pods(manifests) if pod.component == "triton")
        (container,) = triton.spec["containers"]
        assert container["image"] == "registry.example/tritonserver:25.08-py3"
        assert container["resources"]["limits"]["nvidia.com/gpu"] == 1


@pytest.mark.parametrize(
    ("name", "options", "proxies"),
    [
        ("minimal", (), "0"),
        ("private-hub", (), "1"),
        ("production", (), "1"),
        ("production", ("--set", "trustedProxies=2"), "2"),
        ("production", ("--set", "trustedProxies=0"), "0"),
    ],
)
def test_the_gateway_knows_how_many_proxies_tell_who_asks(name: str, options: tuple[str, ...], proxies: str) -> None:
    (env,) = (
        {one["name"]: one.get("value") for one in container["env"]}
        for pod in pods(rendered(name, *options))
        for container in pod.containers
        if container["name"] == "gateway"
    )
    assert env["VOICEHUB_TRUSTED_PROXIES"] == proxies


def test_large_numbers_of_a_file_of_values_stay_what_they_are(tmp_path: Path) -> None:
    """A service that was told to bound something at 1e+06 did not start."""
    told = {"VOICEHUB_OUTBOX_BOUND": 1000000, "VOICEHUB_A": 0.5, "VOICEHUB_B": True, "VOICEHUB_C": "0010"}
    given = {"catalog": {"env": told}, "operator": {"env": told}, "user": {"id": 1000650000, "group": 1000650000}}
    (tmp_path / "values.yaml").write_text(yaml.safe_dump(given))
    manifests = render("production", "-f", str(tmp_path / "values.yaml"))
    found = {pod.component: pod.spec for pod in pods(manifests)}
    for component in ("catalog", "operator"):
        assert type(found[component]["securityContext"]["runAsUser"]) is int
        named = {one["name"]: one.get("value") for one in found[component]["containers"][0]["env"]}
        assert {name: named[name] for name in told} == {
            "VOICEHUB_OUTBOX_BOUND": "1000000",
            "VOICEHUB_A": "0.5",
            "VOICEHUB_B": "true",
            "VOICEHUB_C": "0010",
        }


def test_probes_ask_for_what_they_mean() -> None:
    for name in ("minimal", "production"):
        for pod in pods(rendered(name)):
            for container in (c for c in pod.spec["containers"] if c["name"] in SERVICES):
                paths = {kind: container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("liveness", "readiness")}
                alive = "/healthz" if container["name"] == "gateway" else "/livez"
                assert paths == {"liveness": alive, "readiness": "/readyz"}
                told = {port["containerPort"] for port in container["ports"]}
                assert container["readinessProbe"]["httpGet"]["port"] in told


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes a pod."""
    wanted = selector.get("matchLabels", {})
    among = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in among)
    return wanted.items() <= labels.items() and all(labels.get(one["key"]) in one["values"] for one in among)


def ways(manifests: list[Manifest], labels: Mapping[str, str], direction: str) -> list[dict[str, Any]]:
    """All rules of a direction that apply to a pod; at least one policy must take it."""
    taking = [
        policy["spec"]
        for policy in of_kind(manifests, "NetworkPolicy")
        if selects(policy["spec"]["podSelector"], labels) and direction.title() in policy["spec"]["policyTypes"]
    ]
    assert taking, labels
    return [rule for spec in taking for rule in spec.get(direction, [])]


@pytest.mark.parametrize("options", [(), ("--set", "egress=open")])
@pytest.mark.parametrize("name", VALUES)
def test_nothing_reaches_out_of_the_sandbox_or_into_it(name: str, options: tuple[str, ...]) -> None:
    manifests = rendered(name, *options)
    sandbox = scan_job({"metadata": {"name": "s", "uid": "u"}, "spec": SCAN}, "image", "claim", "")
    for labels in (sandbox["spec"]["template"]["metadata"]["labels"], {"any": "pod"}, {}):
        assert ways(manifests, labels, "egress") == []
        assert ways(manifests, labels, "ingress") == []


@pytest.mark.parametrize("name", VALUES)
def test_without_egress_every_way_leads_to_a_named_place(name: str) -> None:
    manifests = rendered(name)
    for pod in pods(manifests):
        for rule in ways(manifests, pod.labels, "egress"):
            assert rule.get("to"), (pod.name, rule)
            for there in rule["to"]:
                assert there.get("ipBlock", {}).get("cidr", "/32").endswith("/32"), (pod.name, rule)
    opened = rendered(name, "--set", "egress=open")
    assert any("0.0.0.0/0" in str(ways(opened, pod.labels, "egress")) for pod in pods(opened))


def test_each_call_between_services_has_both_ends_of_its_way() -> None:
    manifests = rendered("production")
    labels = {pod.component: pod.labels for pod in pods(manifests)}
    calls = [("gateway", called) for called in ("catalog", "trainer", "scanner", "inference")]
    for caller, called in [*calls, ("trainer", "catalog"), ("inference", "triton")]:
        leaving = [to for rule in ways(manifests, labels[caller], "egress") for to in rule["to"]]
        assert any(selects(to["podSelector"], labels[called]) for to in leaving if set(to) == {"podSelector"})
        arriving = [f for rule in ways(manifests, labels[called], "ingress") for f in rule.get("from", [])]
        assert any(selects(f["podSelector"], labels[caller]) for f in arriving if set(f) == {"podSelector"})
    for stranger in ("catalog", "scanner"):  # may not call the trainer
        arriving = [f for rule in ways(manifests, labels["trainer"], "ingress") for f in rule.get("from", [])]
        assert not any(selects(f["podSelector"], labels[stranger]) for f in arriving if set(f) == {"podSelector"})


def test_what_the_operator_starts_reaches_the_engines_and_nobody_it() -> None:
    manifests = rendered("production")
    (queue,) = of_kind(manifests, "TrainingQueue")
    resource = {"metadata": {"name": "t", "uid": "u"}, "spec": {"queue": "default", "organisation": "o", "gpus": 1}}
    job = training_job(resource, queue["spec"], 1, kueue=False)
    worker = job["spec"]["template"]
    assert not list(violations(Pod("worker", worker["metadata"]["labels"], worker["spec"])))
    named = {one["name"]: one for one in worker["spec"]["containers"][0]["env"]}
    assert named["VOICEHUB_OBJECTS_URL"]["valueFrom"]["secretKeyRef"]["name"] == "voicehub-engines"
    labels = worker["metadata"]["labels"]
    leaving = [to for rule in ways(manifests, labels, "egress") for to in rule["to"]]
    assert sorted(to["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for to in leaving) == [
        "engines",
        "kube-system",
    ]
    assert ways(manifests, labels, "ingress") == []


@pytest.mark.parametrize("name", ["one-pod-on-engines", "production"])
def test_each_account_has_the_rights_of_its_file_and_no_others(name: str) -> None:
    manifests = rendered(name)
    rights = yaml.safe_load((CHART.parents[1] / "operator" / "voicehub_operator" / "rights.yaml").read_text())
    roles = {one["metadata"]["name"]: one["rules"] for one in of_kind(manifests, "Role")}
    assert roles == {f"hub-voicehub-{account}": rules for account, rules in rights.items()}
    granted = {b["roleRef"]["name"]: b["subjects"][0]["name"] for b in of_kind(manifests, "RoleBinding")}
    alone = name == "production"
    assert granted == {role: role if alone or "operator" in role else "hub-voicehub-hub" for role in roles}
    assert not of_kind(manifests, "ClusterRole") + of_kind(manifests, "ClusterRoleBinding")


def test_more_than_one_replica_is_disrupted_one_at_a_time_and_scaled_by_what_is_said() -> None:
    manifests = rendered("production")
    budgets = {one["metadata"]["name"] for one in of_kind(manifests, "PodDisruptionBudget")}
    assert budgets == {f"hub-voicehub-{service}" for service in SERVICES}
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in of_kind(manifests, "HorizontalPodAutoscaler")}
    assert scaled == {"hub-voicehub-gateway"}
    (lag,) = of_kind(manifests, "ScaledObject")
    assert lag["spec"]["triggers"][0]["metadata"]["consumerGroup"] == "voicehub.inference-batches"
    by_cpu = {
        one["spec"]["scaleTargetRef"]["name"] for one in of_kind(rendered("private-hub"), "HorizontalPodAutoscaler")
    }
    assert by_cpu == {"hub-voicehub-gateway", "hub-voicehub-inference"}
    for deployment in of_kind(manifests, "Deployment"):
        name = deployment["metadata"]["name"]
        assert ("replicas" in deployment["spec"]) == (name not in scaled | {"hub-voicehub-inference"}), name
