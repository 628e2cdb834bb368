"""The errors a service may answer, typed once.

Inside the house they travel as `google.rpc.Status` with `ErrorInfo`, `Help`-like hint and `BadRequest` details; outside
the gateway renders them as RFC 9457 problem documents. Each says what is wrong (`message`) and what to do (`hint`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import ClassVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

DOMAIN = "voicehub"


class VoiceHubError(Exception):
    """Base of all answerable errors.

    Args:
        message: what is wrong, one sentence.
        hint: what to do about it, one sentence.
        reason: machine-readable UPPER_SNAKE name.
        fields: violations by field path.
        retry_seconds: when it is worth another try; 0 says nothing about it.
    """

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN
    http_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        reason: str = "",
        fields: Mapping[str, str] | None = None,
        retry_seconds: float = 0.0,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = reason or type(self).__name__.upper()
        self.fields = dict(fields or {})
        self.retry_seconds = retry_seconds


class NotFound(VoiceHubError):
    """It does not exist, or not for this caller: both look the same."""

    code = grpc.StatusCode.NOT_FOUND
    http_status = 404


class Invalid(VoiceHubError):
    """The request itself is wrong."""

    code = grpc.StatusCode.INVALID_ARGUMENT
    http_status = 400


class Unprocessable(VoiceHubError):
    """Well-formed, but the content is refused (a recording too short, a missing declaration)."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    http_status = 422


class Conflict(VoiceHubError):
    """Somebody else was faster, or it exists already."""

    code = grpc.StatusCode.ALREADY_EXISTS
    http_status = 409


class Unauthenticated(VoiceHubError):
    """Nobody, or somebody whose proof is not valid (any more)."""

    code = grpc.StatusCode.UNAUTHENTICATED
    http_status = 401


class Forbidden(VoiceHubError):
    """The caller may see it, but not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED
    http_status = 403


class TooMany(VoiceHubError):
    """A quota or a rate is used up."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    http_status = 429


class Unavailable(VoiceHubError):
    """A part of the hub does not answer now; trying again later helps."""

    code = grpc.StatusCode.UNAVAILABLE
    http_status = 503


class Unanswered(Unavailable):
    """A part of the hub was asked and did not answer: what it was asked for may be done or not."""


_TYPES: tuple[type[VoiceHubError], ...] = (
    NotFound,
    Invalid,
    Unprocessable,
    Conflict,
    Unauthenticated,
    Forbidden,
    TooMany,
    Unavailable,
)


def to_status(error: VoiceHubError) -> grpc.Status:
    """The gRPC status of an error, details inside."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata={"hint": error.hint})
    details = [_packed(info)]
    if error.retry_seconds:
        delay = duration_pb2.Duration(nanos=round(error.retry_seconds % 1 * 1e9), seconds=int(error.retry_seconds))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    if error.fields:
        request = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=name, description=text)
                for name, text in sorted(error.fields.items())
            ]
        )
        details.append(_packed(request))
    number = code_pb2.Code.Value(error.code.name)
    return rpc_status.to_status(status_pb2.Status(code=number, message=error.message, details=details))


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def key_reused() -> Unprocessable:
    """The refusal of an idempotency key that made something else before."""
    return Unprocessable(
        "This idempotency key was used for another request.",
        hint="Use a fresh key for a new request.",
        reason="IDEMPOTENCY_KEY_REUSED",
    )


def from_rpc(call: grpc.RpcError) -> VoiceHubError:
    """The error a peer answered; a peer that cannot be reached becomes `Unanswered`."""
    code = call.code() if isinstance(call, grpc.Call) else grpc.StatusCode.UNKNOWN
    kind = next((t for t in _TYPES if t.code == code), VoiceHubError)
    hint, reason, retry_seconds = "", "", 0.0
    fields: dict[str, str] = {}
    status = rpc_status.from_call(call) if isinstance(call, grpc.Call) else None
    message = (call.details() or code.name) if isinstance(call, grpc.Call) else str(call)
    if status is None and code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return Unanswered("A part of the hub does not answer.", hint="Try again in a few seconds.")
    details: Iterable[any_pb2.Any] = status.details if status else ()
    for detail in details:
        info, request, retry = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if detail.Unpack(info):
            reason, hint = info.reason, info.metadata.get("hint", "")
        elif detail.Unpack(request):
            fields = {v.field: v.description for v in request.field_violations}
        elif detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
    return kind(message, hint=hint, reason=reason, fields=fields, retry_seconds=retry_seconds)
