"""What somebody tries who has stolen the token of a pod."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any

from tests.cluster.control_plane import ControlPlane
from tests.cluster.pods import RESTRICTED

GROUP = "rbac.authorization.k8s.io"


class Thief:
    """Has the token of a service account; `tries` answers what kubectl says."""

    def __init__(self, cluster: ControlPlane, namespace: str, account: str) -> None:
        self._cluster, self.namespace, self.account = cluster, namespace, account
        self._token = cluster.kubectl("create", "token", account, "-n", namespace).strip()

    def tries(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """A call with the stolen token and nothing else."""
        server = f"--server={self._cluster.plan.server}"
        authority = f"--certificate-authority={self._cluster.plan.authority.certificate}"
        who = ("--kubeconfig=/dev/null", server, authority, f"--token={self._token}")
        return self._cluster.try_kubectl(*who, *arguments, given=given)


def attempts(thief: Thief) -> Iterator[tuple[str, Sequence[str], str]]:
    """Name, arguments and standard input of each."""
    own, where = thief.namespace, ("-n", thief.namespace)
    yield "read the secrets", ("get", "secrets", *where), ""
    yield "read one secret", ("get", "secret", "voicehub-bootstrap", *where), ""
    yield "read secrets of the cluster", ("get", "secrets", "-n", "kube-system"), ""
    yield "read secrets everywhere", ("get", "secrets", "--all-namespaces"), ""
    yield "read settings of others", ("get", "configmaps", "-n", "kube-system"), ""
    yield "look into another namespace", ("get", "pods", "-n", "default"), ""
    yield "make a Job elsewhere", ("create", "-f", "-"), _json(_job("default"))
    yield "make a pod", ("create", "-f", "-"), _json(_pod(own, RESTRICTED))
    yield "make a privileged pod", ("create", "-f", "-"), _json(_pod(own, {"privileged": True}))
    yield "make a pod that sees the node", ("create", "-f", "-"), _json(_pod(own, {}, hostPID=True, hostNetwork=True))
    yield "run a program in a pod", ("exec", "-n", own, "voicehub-0", "--", "id"), ""
    yield "open a port of a pod", ("port-forward", "-n", own, "voicehub-0", "8080"), ""
    yield "read the logs", ("logs", "-n", own, "voicehub-0"), ""
    yield "see the nodes", ("get", "nodes"), ""
    yield "see namespaces", ("get", "namespaces"), ""
    yield "loosen the namespace", ("label", "namespace", own, "pod-security.kubernetes.io/enforce-", "--overwrite"), ""
    yield "give oneself a role", ("create", "-f", "-"), _json(_binding(thief, "RoleBinding"))
    yield "become administrator", ("create", "-f", "-"), _json(_binding(thief, "ClusterRoleBinding"))
    yield "widen one's role", ("patch", "role", thief.account, *where, "--type=merge", "-p", '{"rules":[]}'), ""
    yield "get another's token", ("create", "token", "default", *where), ""
    yield "speak for another", ("get", "secrets", *where, "--as=system:admin", "--as-group=system:masters"), ""
    yield "approve a certificate", ("get", "certificatesigningrequests"), ""
    yield "change the services", ("patch", "statefulset", "voicehub", *where, "--type=merge", "-p", "{}"), ""
    yield "delete volumes", ("delete", "persistentvolumeclaims", "--all", *where), ""
    yield "change who is asked", ("get", "validatingwebhookconfigurations"), ""


def _job(namespace: str) -> dict[str, Any]:
    template = {"spec": {**_pod(namespace, RESTRICTED)["spec"], "restartPolicy": "Never"}}
    meta = {"name": "stolen", "namespace": namespace}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": {"template": template}}


def _pod(namespace: str, security: dict[str, Any], **more: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "stolen:1", "securityContext": security}
    meta = {"name": "stolen", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container], **more}}


def _binding(thief: Thief, kind: str) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": kind,
        "metadata": {"name": "stolen", **({"namespace": thief.namespace} if kind == "RoleBinding" else {})},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": thief.account, "namespace": thief.namespace}],
    }


def _json(manifest: dict[str, Any]) -> str:
    return json.dumps(manifest)
