"""Routes as values: what the OpenAPI document says, the checks and the Flask rules are all made from these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from google.protobuf.descriptor import Descriptor
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Response

from services.common.identity import Identity
from services.gateway.domain.credentials import Scope
from services.gateway.rest.schema import Schema

if TYPE_CHECKING:
    from services.gateway.hub import Hub

JSON_LIMIT = 1 << 20
JSON_TYPE = "application/json"


@dataclass(frozen=True)
class Parameter:
    """A query parameter or a header that a route reads."""

    name: str
    schema: Schema
    place: str = "query"
    required: bool = False
    note: str = ""


@dataclass(frozen=True)
class Answer:
    """What a route answers when all is well."""

    status: int = 200
    schema: Schema | None = None
    media: str = JSON_TYPE
    note: str = "Done."


@dataclass(frozen=True)
class Call:
    """One request, checked against its route.

    Attributes:
        identity: the caller; a visitor has an empty account.
        credential: id of the token that was shown, empty for a visitor.
        body: the JSON body, empty for a route without one.
        query: the query and header parameters that were given, of the right type.
        headers: the request's headers.
        stream: the raw body of a route that takes bytes.
        key: the Idempotency-Key as the services are told it, or an empty text.
        gone: tells whether the visitor has closed the connection.
    """

    hub: Hub
    identity: Identity
    credential: str
    body: Mapping[str, Any]
    query: Mapping[str, Any]
    headers: Headers
    stream: BinaryIO
    key: str
    remote: str
    gone: Callable[[], bool] = field(default=lambda: False)

    @property
    def account(self) -> str:
        """The caller's account name."""
        return self.identity.account

    @property
    def visitor(self) -> str:
        """Who has a share of what is limited: the account, or the address of who has none."""
        return self.account or self.remote


@dataclass(frozen=True)
class Reply:
    """A JSON answer; its status is the route's."""

    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ErrorShape:
    """Errors as another API has them.

    Attributes:
        body: the JSON object of a problem document.
        schema: of that object.
        statuses: statuses that this API answers instead of ours.
    """

    body: Callable[[dict[str, Any]], dict[str, Any]]
    schema: Schema
    statuses: Mapping[int, int] = field(default_factory=dict)


Handler = Callable[..., "Reply | Response"]


@dataclass(frozen=True)
class Route:
    """One operation of the API.

    Attributes:
        path: OpenAPI template below the root, such as `/v1/repos/{owner}/{name}`.
        scope: what a token must allow; None means that visitors are welcome.
        body: schema of the JSON body; None means that there is none.
        raw_limit: most bytes of a raw body; 0 means the route takes none.
        repeatable: the answer is made again, not remembered, when an Idempotency-Key comes twice.
        once: done again it would be there twice, for the service is told no key: what may be done is not tried again.
        errors: how errors are rendered, if not as problem documents.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    answer: Answer
    tag: str
    scope: Scope | None = None
    body: Schema | None = None
    parameters: tuple[Parameter, ...] = ()
    raw_limit: int = 0
    repeatable: bool = False
    once: bool = False
    messages: tuple[Descriptor, ...] = ()
    errors: ErrorShape | None = None

    @property
    def operation(self) -> str:
        """The operation id: the handler's name."""
        return getattr(self.handler, "__name__", "operation")


class Resource:
    """The routes of one resource; each module of `services.gateway.routes` has one."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.routes: list[Route] = []

    def route(self, method: str, path: str, summary: str, answer: Answer, **more: Any) -> Callable[[Handler], Handler]:
        """Declares the decorated function as the handler of an operation."""

        def declare(handler: Handler) -> Handler:
            self.routes.append(Route(method, path, summary, handler, answer, self.tag, **more))
            return handler

        return declare
