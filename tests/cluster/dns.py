"""The cluster's DNS: CoreDNS as a pod behind the Service that every pod asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.cluster.own_images import COREDNS
from tests.cluster.plan import DOMAIN, Plan

SPACE, NAME = "kube-system", "coredns"
LABELS = {"k8s-app": "kube-dns"}
USER = 10001
COREFILE = f"""
.:1053 {{
    errors
    health :8080
    ready :8181
    kubernetes {DOMAIN} in-addr.arpa ip6.arpa {{
        pods insecure
        ttl 5
    }}
    cache 5
}}
"""
"""Names outside of the cluster are not known: nothing leads there."""


def dns(plan: Plan) -> Sequence[dict[str, Any]]:
    """Its manifests."""
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": NAME}
    subject = {"kind": "ServiceAccount", "name": NAME, "namespace": SPACE}
    rules = [
        {"apiGroups": [""], "resources": ["endpoints", "services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    ports = [
        {"name": protocol.lower(), "protocol": protocol, "port": 53, "targetPort": 1053} for protocol in ("UDP", "TCP")
    ]
    rights = "rbac.authorization.k8s.io/v1"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": _named(NAME)},
        {"apiVersion": rights, "kind": "ClusterRole", "metadata": {"name": NAME}, "rules": rules},
        {
            "apiVersion": rights,
            "kind": "ClusterRoleBinding",
            "metadata": {"name": NAME},
            "roleRef": role,
            "subjects": [subject],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": _named(NAME), "data": {"Corefile": COREFILE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _named("kube-dns"),
            "spec": {"clusterIP": plan.dns, "selector": LABELS, "ports": ports},
        },
        _deployment(),
    ]


def _deployment() -> dict[str, Any]:
    container = {
        "name": NAME,
        "image": COREDNS,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "volumeMounts": [{"name": "settings", "mountPath": "/etc/coredns", "readOnly": True}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "20m", "memory": "40Mi"}, "limits": {"memory": "200Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    pod = {
        "serviceAccountName": NAME,
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "settings", "configMap": {"name": NAME}}],
    }
    template = {"metadata": {"labels": LABELS}, "spec": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _named(NAME),
        "spec": {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": template},
    }


def _named(name: str) -> dict[str, str]:
    return {"name": name, "namespace": SPACE}
