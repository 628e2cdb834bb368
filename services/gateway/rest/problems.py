"""Errors as problem documents (RFC 9457): type, title, status, detail, and ours: `hint`, `reason`, `fields`."""

from __future__ import annotations

import json
import logging
import math
import uuid
from collections.abc import Mapping

from flask import Flask
from gunicorn.http.errors import NoMoreData, ParseException
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.http import HTTP_STATUS_CODES
from werkzeug.wrappers import Response

from services.common.away import engine_away, is_away
from services.common.errors import TooMany, Unauthenticated, Unavailable, VoiceHubError
from services.gateway.rest.route import ErrorShape

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
_LAST = {"Connection": "close"}
"""What is left of the body is read by nobody, so no other request can follow it."""
_HINTS: Mapping[int, tuple[str, str]] = {
    400: ("The request cannot be read.", "Check it against /openapi.json."),
    404: ("There is nothing at this address.", "See /openapi.json for all addresses."),
    405: ("This address does not take this method.", "See the Allow header for the methods it takes."),
    408: ("The request did not arrive in time.", "Send it again over a steadier connection."),
    411: ("The length of the body is not known.", "Send a Content-Length header."),
    413: ("The body is too large.", "Send less at once; files go through POST /v1/uploads in pieces."),
    414: ("The address is too long.", "Shorten the query."),
    415: ("This kind of body is not taken here.", "Send plain application/json in UTF-8, not compressed."),
    416: ("The range lies outside the object.", "Ask for a range within the size in Content-Range."),
    417: ("This expectation cannot be met.", "Leave the Expect header out."),
    431: ("The headers are too large.", "Send fewer or shorter headers."),
}
_FALLBACK_HINTS: Mapping[int, str] = {
    400: "Check the request against /openapi.json.",
    401: "Log in with `voicehub login`, or send a valid token: Authorization: Bearer <token>.",
    403: "Ask the owner, or use a token with more scopes.",
    404: "Check the spelling; a private voice exists only for its owner.",
    409: "Look at the present state, then try again.",
    422: "Change what the message names, then try again.",
    429: "Wait as long as Retry-After says.",
    503: "Try again in a few seconds.",
}


def problem(
    status: int,
    detail: str,
    hint: str,
    *,
    reason: str = "",
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem document."""
    title = HTTP_STATUS_CODES.get(status, "Problem")
    reason = reason or title.upper().replace(" ", "_")
    body = {
        "type": f"urn:voicehub:problem:{reason.lower().replace('_', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        "hint": hint,
        "reason": reason,
        "fields": dict(fields or {}),
    }
    text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    return Response(text, status, headers=dict(headers or {}), mimetype=MEDIA_TYPE)


def from_error(error: VoiceHubError) -> Response:
    """The problem of a typed error; what nobody foresaw is answered without detail."""
    status = error.http_status
    if status >= 500 and not isinstance(error, Unavailable):
        number = uuid.uuid4().hex[:12]
        log.error("an upstream failed", extra={"failure": number, "detail": error.message})
        return unforeseen(number)
    headers: dict[str, str] = {}
    if isinstance(error, Unavailable | TooMany):
        headers["Retry-After"] = str(math.ceil(error.retry_seconds) or RETRY_SECONDS)
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="voicehub"'
    hint = error.hint or _FALLBACK_HINTS.get(status, "See /openapi.json.")
    reason = error.reason if "_" in error.reason else ""
    return problem(status, error.message, hint, reason=reason, fields=error.fields, headers=headers)


def unforeseen(number: str) -> Response:
    """What is said when a part of the hub failed in a way nobody foresaw; the log has the rest under `number`."""
    return problem(
        500,
        f"The hub failed (report {number}).",
        "This is a mistake in the hub: give the report number to the operator.",
        reason="HUB_FAILED",
    )


def of_status(status: int) -> Response:
    """The usual problem of a status."""
    return problem(status, *_HINTS.get(status, _HINTS[400]))


def from_http(error: HTTPException) -> Response:
    """The problem of what Flask refused on its own."""
    status = error.code or 400
    detail, hint = _HINTS.get(status, _HINTS[400])
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Content-Range")}
    return problem(status, detail, hint, headers=kept | (_LAST if status == 413 else {}))


def reshaped(error: VoiceHubError | HTTPException, shape: ErrorShape) -> Response:
    """The same as another API says it; headers such as Retry-After stay."""
    told = from_error(error) if isinstance(error, VoiceHubError) else from_http(error)
    text = json.dumps(shape.body(told.get_json()), ensure_ascii=False)
    status = shape.statuses.get(told.status_code, told.status_code)
    kept = {name: value for name, value in told.headers.items() if not name.startswith("Content-")}
    return Response(text, status, headers=kept, mimetype="application/json")


def install(app: Flask) -> None:
    """Makes every error of the application a problem document."""
    app.register_error_handler(VoiceHubError, from_error)
    app.register_error_handler(HTTPException, from_http)
    app.register_error_handler(OperationalError, _busy)
    app.register_error_handler(PoolTimeout, _busy)
    for torn in (ParseException, NoMoreData):
        app.register_error_handler(torn, _torn_body)
    for late in (TimeoutError, BlockingIOError):  # what a socket with a time limit raises while a body is read
        app.register_error_handler(late, _late_body)
    app.register_error_handler(Exception, _unexpected)


def _busy(error: Exception) -> Response:
    log.warning("the database is busy", extra={"detail": str(error)[:200]})
    return from_error(Unavailable("The hub is busy.", reason="DATABASE_BUSY"))


def _torn_body(_: Exception) -> Response:
    told = "The body broke off or is not framed as its headers say.", "Send the whole body again."
    return problem(400, *told, headers=_LAST)


def _late_body(_: Exception) -> Response:
    return problem(408, *_HINTS[408], headers=_LAST)


def _unexpected(error: Exception) -> Response:
    if is_away(error):
        log.warning("an engine is away", extra={"detail": repr(error)[:500]})
        return from_error(engine_away())
    number = uuid.uuid4().hex[:12]
    log.error("request failed", exc_info=error, extra={"failure": number})
    return unforeseen(number)
