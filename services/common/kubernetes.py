"""The API of Kubernetes for services that make resources of it: a small client over HTTP.

Inside a pod it speaks for the pod's service account; elsewhere for whom KUBECONFIG names (client certificate or
token). Tokens of pods change, so they are read for every request.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
GROUP = "/apis/voicehub.dev/v1alpha1"
SECONDS = 15.0
PAGE = "500"


class KubernetesError(RuntimeError):
    """The API refused: its HTTP status and what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"Kubernetes answered {status}: {message}")
        self.status = status


class Kubernetes:
    """Resources of one kind of the hub in one namespace. Thread-safe.

    Raises KubernetesError for what the API refuses, ConnectionError when it cannot be reached.
    """

    def __init__(self, namespace: str, plural: str) -> None:
        self._folder = f"{GROUP}/namespaces/{namespace}/{plural}"
        self._client, self._token = connect()

    def create(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a resource; status 409 if its name is taken."""
        return self._ask("POST", self._folder, json=resource)

    def get(self, name: str) -> dict[str, Any] | None:
        """A resource, or None."""
        try:
            return self._ask("GET", f"{self._folder}/{name}")
        except KubernetesError as error:
            if error.status == 404:
                return None
            raise

    def items(self, labels: str) -> list[dict[str, Any]]:
        """All resources with these labels."""
        found: list[dict[str, Any]] = []
        marker = ""
        while True:
            page = self._ask("GET", self._folder, params={"labelSelector": labels, "limit": PAGE, "continue": marker})
            found += page["items"]
            marker = page["metadata"].get("continue", "")
            if not marker:
                return found

    def patch(self, name: str, change: Mapping[str, Any], part: str = "") -> dict[str, Any] | None:
        """A merge patch of the resource or of its `status`; None if it is not there."""
        path = "/".join(piece for piece in (self._folder, name, part) if piece)
        try:
            return self._ask("PATCH", path, json=change, headers={"Content-Type": "application/merge-patch+json"})
        except KubernetesError as error:
            if error.status == 404:
                return None
            raise

    def delete(self, name: str, uid: str) -> None:
        """Removes exactly this resource; no error if it is not there."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            self._ask("DELETE", f"{self._folder}/{name}", json=options)
        except KubernetesError as error:
            if error.status not in (404, 409):
                raise

    def close(self) -> None:
        """Gives the connections back."""
        self._client.close()

    def _ask(self, verb: str, path: str, **arguments: Any) -> dict[str, Any]:
        headers = {**arguments.pop("headers", {})}
        if token := self._token():
            headers["Authorization"] = f"Bearer {token}"
        try:
            response = self._client.request(verb, path, headers=headers, **arguments)
        except httpx.TransportError as error:
            raise ConnectionError(f"The API of Kubernetes cannot be reached: {error}") from error
        if response.is_error:
            raise KubernetesError(response.status_code, _message(response))
        return dict(response.json())


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json().get("message", ""))
    except ValueError:
        return response.text[:500]


def connect(kubeconfig: str = "") -> tuple[httpx.Client, Callable[[], str]]:
    """A client of the API and the token to show with each request; ValueError if nothing says where the API is."""
    server, context, token = _login(kubeconfig)
    return httpx.Client(base_url=server, verify=context, timeout=SECONDS, trust_env=False), token


def _login(kubeconfig: str) -> tuple[str, ssl.SSLContext, Callable[[], str]]:
    if not kubeconfig and (ACCOUNT / "token").exists():
        context = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
        return "https://kubernetes.default.svc", context, lambda: (ACCOUNT / "token").read_text().strip()
    place = kubeconfig or os.environ.get("KUBECONFIG")
    if not place:
        raise ValueError("There is no service account in this pod, and KUBECONFIG names no cluster.")
    config = yaml.safe_load(Path(place).read_text(encoding="utf-8"))
    context_of = _named(config["contexts"], config["current-context"])["context"]
    cluster = _named(config["clusters"], context_of["cluster"])["cluster"]
    user = _named(config["users"], context_of["user"])["user"]
    with _file(cluster, "certificate-authority") as authority:
        context = ssl.create_default_context(cafile=authority)
    with _file(user, "client-certificate") as certificate, _file(user, "client-key") as key:
        if certificate and key:
            context.load_cert_chain(certificate, key)
    return str(cluster["server"]), context, lambda: str(user.get("token", ""))


def _named(entries: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(entry for entry in entries if entry["name"] == name)


@contextmanager
def _file(entry: Mapping[str, Any], name: str) -> Iterator[str | None]:
    """The file that a kubeconfig names or carries."""
    if data := entry.get(f"{name}-data"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(base64.b64decode(data))
            file.flush()
            yield file.name
    else:
        yield entry.get(name)
