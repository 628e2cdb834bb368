"""Where resources lie in the API."""

from __future__ import annotations

GROUP = "voicehub.dev/v1alpha1"
_GROUPS = {
    "trainingjobs": f"/apis/{GROUP}", "trainingqueues": f"/apis/{GROUP}", "scanjobs": f"/apis/{GROUP}",
    "batchsyntheses": f"/apis/{GROUP}", "jobs": "/apis/batch/v1", "pods": "/api/v1",
    "deployments": "/apis/apps/v1", "scaledobjects": "/apis/keda.sh/v1alpha1",
}  # fmt: skip


class Places:
    """Paths of a namespace."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def of(self, plural: str, name: str = "", part: str = "") -> str:
        """A list, one resource, or a part of it such as `status`."""
        path = f"{_GROUPS[plural]}/namespaces/{self._namespace}/{plural}"
        return "/".join(piece for piece in (path, name, part) if piece)
