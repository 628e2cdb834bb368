"""HTTP as this package speaks it: JSON in and out, typed errors, patience with a hub that restarts a service."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from voicehub.decoding import decode
from voicehub.errors import Unreachable, Unreadable, UsageError, VoiceHubError, from_problem
from voicehub.models import Page
from voicehub.sse import ServerEvent, parse

FIRST_TRIES = 3
"""How often a hub that has never answered is asked."""
LATER_TRIES = 9
"""How often one that did answer before is asked again: it may be restarting a service (about 15 s in all)."""
SECONDS, CONNECT_SECONDS = 60.0, 5.0
BUSY = (502, 503, 504)
UNDER_WAY = {409: (b"IDEMPOTENCY_IN_FLIGHT", b"UPLOAD_BUSY"), 429: (b"SHARE_TAKEN",)}
"""The reasons, by status, in answers to a request that another one stands in the way of, until that has ended."""


class Transport:
    """A connection to one hub. Thread-safe, as `httpx.Client` is."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        http: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        timeout = httpx.Timeout(SECONDS, connect=CONNECT_SECONDS)
        try:
            self._http = http or httpx.Client(base_url=self.url, timeout=timeout, trust_env=False)
        except httpx.InvalidURL as error:
            message = f"“{url}” is no address of a hub: {error}."
            raise UsageError(message, hint="Write it like http://127.0.0.1:8484.") from error
        self._http.headers.update(headers)
        self._sleep = sleep
        self._reached = False

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> httpx.Response:
        """The answer to one request, errors raised typed. POSTs carry one Idempotency-Key through all retries.

        `seconds`: how long the hub may be silent.
        """
        headers = dict(headers or {})
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid.uuid4().hex)
        query = {k: v for k, v in (params or {}).items() if v not in (None, "")}

        def send() -> httpx.Response:
            patience = httpx.Timeout(seconds, connect=CONNECT_SECONDS)
            return self._http.request(
                method, path, json=body, content=content, params=query, headers=headers, timeout=patience
            )

        return self._checked(self._patiently(send))

    def json(self, method: str, path: str, **options: Any) -> Any:
        """As `request`, answering the JSON body (None when there is none)."""
        response = self.request(method, path, **options)
        if not response.content:
            return None
        try:
            return response.json()
        except (ValueError, RecursionError) as error:
            raise Unreadable(
                f"{self.url} does not answer as a VoiceHub does.", hint="Check the address with `voicehub doctor`."
            ) from error

    def items(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """All items of a list, page by page."""
        cursor = ""
        while True:
            page = decode(Page, self.json("GET", path, params={**(params or {}), "cursor": cursor, "size": 100}))
            yield from page.items
            cursor = page.next_cursor
            if not cursor:
                return

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """A GET whose body is read piece by piece."""
        attempt = 0
        while True:
            attempt += 1
            try:
                with self._http.stream("GET", path, headers=dict(headers or {})) as response:
                    if not response.is_success:
                        response.read()
                    if not _is_in_the_way(response) or attempt >= LATER_TRIES:
                        self._checked(response)
                        self._reached = True
                        yield response
                        return
            except httpx.TransportError as error:
                raise self._unreachable(error) from error
            self._sleep(_pause(attempt))

    def events(self, path: str, finished: Callable[[ServerEvent], bool]) -> Iterator[ServerEvent]:
        """Server-sent events until one is the last; a stream that breaks is resumed after the event seen last."""
        last, failures = "", 0
        while True:
            try:
                headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
                with self.stream(path, headers) as response:
                    for event in parse(response.iter_lines()):
                        last, failures = event.id or last, 0
                        yield event
                        if finished(event):
                            return
            except Unreachable:
                failures += 1
                if not self.again(failures):
                    raise
            else:
                self._sleep(_pause(failures))

    def again(self, failures: int) -> bool:
        """Whether to ask once more after so many failures in a row; if so, waits before, longer each time."""
        if failures >= self._tries():
            return False
        self._sleep(_pause(failures))
        return True

    def _patiently(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = send()
            except httpx.TransportError as error:
                if attempt >= self._tries():
                    raise self._unreachable(error) from error
            except httpx.InvalidURL as error:
                raise self._unreachable(error) from error
            else:
                self._reached = True
                if not _asks_for_patience(response) or attempt >= self._tries():
                    return response
            self._sleep(_pause(attempt))

    def _tries(self) -> int:
        return LATER_TRIES if self._reached else FIRST_TRIES

    def _unreachable(self, error: Exception) -> Unreachable:
        hint = "Start one with `voicehub up`, or name another with --hub or $VOICEHUB_URL."
        reason = str(error) or type(error).__name__
        return Unreachable(f"No hub answers at {self.url} ({reason}).", hint=hint)

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            return response
        if not response.is_error:
            raise self._elsewhere(response)
        try:
            problem = response.json()
        except (ValueError, RecursionError):
            problem = {}
        raise from_problem(response.status_code, problem if isinstance(problem, dict) else {})

    def _elsewhere(self, response: httpx.Response) -> VoiceHubError:
        """The answer is not to be had here; nobody is followed, for the token is for this address only."""
        moved = response.next_request
        if moved is None:
            message = f"{self.url} answers {response.status_code}, as no VoiceHub does."
            return Unreadable(message, hint="Check the address with `voicehub doctor`.")
        place = str(moved.url).removesuffix(str(response.request.url).removeprefix(self.url))
        return Unreadable(f"The hub is at {place}.", hint=f"If you trust that address, name it: --hub {place}")


def _asks_for_patience(response: httpx.Response) -> bool:
    """A part of the hub is away, or another request (perhaps an earlier try of this one) has to end first."""
    return response.status_code in BUSY or _is_in_the_way(response)


def _is_in_the_way(response: httpx.Response) -> bool:
    return any(why in response.content for why in UNDER_WAY.get(response.status_code, ()))


def _pause(attempt: int) -> float:
    """Seconds before the next try: 0.1, 0.2, 0.4 … at most 3."""
    return float(min(0.1 * 2 ** max(attempt - 1, 0), 3.0))
