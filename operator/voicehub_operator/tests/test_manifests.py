from __future__ import annotations

from typing import Any

from voicehub_operator.manifests.training import training_job

QUEUE: dict[str, Any] = {
    "mode": "Fair", "quota": 4, "resource": "nvidia.com/gpu", "nodeSelector": {"gpu": "h100"}, "kueueQueue": "local",
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}], "priorityClassName": "training",
    "worker": {"image": "hub/worker:1", "args": ["-m", "x"], "envFrom": [{"secretRef": {"name": "s"}}],
               "resources": {"cpu": "4", "memory": "8Gi"}},
}  # fmt: skip
RESOURCE = {
    "metadata": {"name": "t", "uid": "u"},
    "spec": {"queue": "gpu", "organisation": "acme", "gpus": 2, "job": "abc", "deadlineSeconds": 60},
}


def test_a_job_has_what_its_queue_says() -> None:
    job = training_job(RESOURCE, QUEUE, 3, kueue=False)
    pod = job["spec"]["template"]["spec"]
    assert job["metadata"]["name"] == "t-3"
    assert "suspend" not in job["spec"]
    assert job["spec"]["activeDeadlineSeconds"] == 60
    assert pod["nodeSelector"] == {"gpu": "h100"}
    assert pod["priorityClassName"] == "training"
    assert pod["tolerations"][0] == {"key": "nvidia.com/gpu", "operator": "Exists"}
    assert pod["containers"][0]["resources"]["limits"] == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "2"}
    assert job["metadata"]["ownerReferences"][0]["uid"] == "u"


def test_its_pod_is_restricted_and_has_no_token() -> None:
    pod = training_job(RESOURCE, QUEUE, 1, kueue=False)["spec"]["template"]["spec"]
    walls = pod["containers"][0]["securityContext"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert walls["capabilities"] == {"drop": ["ALL"]}
    assert (walls["allowPrivilegeEscalation"], walls["readOnlyRootFilesystem"]) == (False, True)


def test_kueue_gets_a_suspended_job_with_its_label() -> None:
    job = training_job(RESOURCE, QUEUE, 1, kueue=True)
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "local"


def test_a_queue_without_a_device_requests_none() -> None:
    job = training_job(RESOURCE, {**QUEUE, "resource": ""}, 1, kueue=False)
    assert job["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "4", "memory": "8Gi"}
