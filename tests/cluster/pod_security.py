"""The Pod Security Standard "restricted", as kubernetes.io describes it, and our own rules."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tests.cluster.chart import Pod

VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
HOST = ("hostNetwork", "hostPID", "hostIPC")
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a container has a token of the API."""


def violations(pod: Pod) -> Iterator[str]:
    """What the standard forbids, or does not find said."""
    spec, security = pod.spec, pod.spec.get("securityContext", {})
    yield from (f"{name} is shared" for name in HOST if spec.get(name))
    for volume in spec.get("volumes", []):
        yield from (f"volume {volume['name']} is a {kind}" for kind in volume.keys() - {"name"} - VOLUMES)
    if security.get("runAsNonRoot") is not True:
        yield "may run as root"
    if security.get("runAsUser", 1) == 0:
        yield "runs as root"
    if security.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield "has no seccomp profile"
    for container in pod.containers:
        own = container.get("securityContext", {})
        if own.get("privileged"):
            yield f"{container['name']} is privileged"
        if own.get("allowPrivilegeEscalation") is not False:
            yield f"{container['name']} may gain rights"
        if "ALL" not in own.get("capabilities", {}).get("drop", []) or own.get("capabilities", {}).get("add"):
            yield f"{container['name']} keeps capabilities"
        if any("hostPort" in port for port in container.get("ports", [])):
            yield f"{container['name']} has a port of the host"


def house_violations(pod: Pod, callers: Collection[str]) -> Iterator[str]:
    """What we ask for beyond it: a root that cannot be written, /tmp that can, bounds, and no token without need.

    `callers` are the names of the containers that have one.
    """
    if pod.spec.get("automountServiceAccountToken") is not False:
        yield "has a token in each container"
    if pod.spec.get("enableServiceLinks") is not False:
        yield "is told of every Service of the namespace"
    for container in pod.containers:
        name = container["name"]
        if container.get("securityContext", {}).get("readOnlyRootFilesystem") is not True:
            yield f"{name} may write to its root"
        places = {mount["mountPath"] for mount in container.get("volumeMounts", [])}
        if "/tmp" not in places:
            yield f"{name} has no /tmp"
        if (ACCOUNT in places) is not (name in callers):
            yield f"{name} has a token" if ACCOUNT in places else f"{name} has no token"
        if "memory" not in container.get("resources", {}).get("limits", {}):
            yield f"{name} may take all memory"
        if not container["image"].startswith(("registry.example/", "registry.internal.example/")):
            yield f"{name} comes from elsewhere: {container['image']}"
        for variable in container.get("env", []):
            if "@" in str(variable.get("value", "")):
                yield f"{name} holds a password in {variable['name']}"
