"""The API of Kubernetes over HTTP: the few verbs that the operator needs, each with a time limit of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
import kopf

from voicehub_operator import metrics

SECONDS = 15.0
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"  # JSON is YAML
PAGE = 500


class ApiError(Exception):
    """The API refused: its HTTP status, its reason, and what it says."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status, self.reason, self.message = status, reason, message

    @property
    def conflict(self) -> bool:
        """Somebody wrote in between (or the name is taken)."""
        return self.status == 409

    @property
    def final(self) -> bool:
        """The same request will be refused again."""
        return 400 <= self.status < 500 and self.status not in (401, 408, 409, 429)


class Api:
    """One session. Raises ApiError for what the API refuses, OSError or TimeoutError when it cannot be reached."""

    def __init__(self, login: Callable[[], kopf.ConnectionInfo], connections: int = 32) -> None:
        self._login, self._connections = login, connections
        self._session: aiohttp.ClientSession | None = None
        self._server = ""
        self._gate = asyncio.Lock()

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        """One resource, or a list."""
        return await self._ask("GET", path, query=query)

    async def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """All resources of a list, page by page."""
        found: list[dict[str, Any]] = []
        marker = ""
        while True:
            more = {"continue": marker} if marker else {}
            page = await self.get(path, limit=str(PAGE), **more, **query)
            found += page["items"]
            marker = page["metadata"].get("continue", "")
            if not marker:
                return found

    async def create(self, path: str, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Makes a resource; conflict if its name is taken."""
        return await self._ask("POST", path, resource)

    async def replace(self, path: str, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Writes a whole resource under its resource version."""
        return await self._ask("PUT", path, resource)

    async def patch(self, path: str, change: Mapping[str, Any], version: str = "") -> dict[str, Any]:
        """A merge patch; with `version` only onto exactly that resource version."""
        if version:
            change = {**change, "metadata": {**change.get("metadata", {}), "resourceVersion": version}}
        return await self._ask("PATCH", path, change, kind=MERGE)

    async def apply(self, path: str, resource: Mapping[str, Any], manager: str) -> dict[str, Any]:
        """Makes a resource, or changes it into this one, in the name of `manager`."""
        query = {"fieldManager": manager, "force": "true"}
        return await self._ask("PATCH", path, resource, kind=APPLY, query=query)

    async def delete(self, path: str, uid: str = "", grace: int | None = None) -> None:
        """Removes a resource in the background; none if it is not there (or is another one than `uid`)."""
        options: dict[str, Any] = {"propagationPolicy": "Background"}
        if uid:
            options["preconditions"] = {"uid": uid}
        if grace is not None:
            options["gracePeriodSeconds"] = grace
        try:
            await self._ask("DELETE", path, options)
        except ApiError as error:
            if error.status not in (404, 409):
                raise

    async def close(self) -> None:
        """Ends the session."""
        if self._session:
            await self._session.close()

    async def _ask(
        self, verb: str, path: str, body: Any = None, kind: str = "application/json", query: Any = None
    ) -> dict[str, Any]:
        begin = time.perf_counter()
        try:
            for last in (False, True):
                session = await self._open()
                data = None if body is None else json.dumps(body).encode()
                headers = {"Content-Type": kind} if data else {}
                async with session.request(
                    verb, self._server + path, data=data, headers=headers, params=query or None
                ) as response:
                    if response.status == 401 and not last:  # the token was changed meanwhile
                        await self._forget(session)
                        continue
                    return await _answer(response)
        finally:
            metrics.REQUESTS.labels(verb).observe(time.perf_counter() - begin)
        raise AssertionError("unreachable")

    async def _open(self) -> aiohttp.ClientSession:
        async with self._gate:
            if self._session is None:
                info = self._login()
                self._server = info.server.rstrip("/")
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(ssl=info.as_ssl_context(), limit=self._connections),
                    headers=info.as_http_headers(),
                    timeout=aiohttp.ClientTimeout(total=SECONDS, sock_connect=5.0),
                )
            return self._session

    async def _forget(self, session: aiohttp.ClientSession) -> None:
        async with self._gate:
            if self._session is session:
                self._session = None
                await session.close()


async def _answer(response: aiohttp.ClientResponse) -> dict[str, Any]:
    raw = await response.read()
    try:
        said = json.loads(raw)
    except ValueError:
        said = {"message": raw[:500].decode("utf-8", "replace")}
    if response.status >= 400:
        raise ApiError(response.status, str(said.get("reason", "")), str(said.get("message", "")))
    return dict(said)
