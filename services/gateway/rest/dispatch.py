"""From a Flask request to a route's handler and back: identity, limits, checks, idempotency, audit, JSON."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any

from flask import Request, request
from werkzeug.datastructures import Headers, MultiDict
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, UnsupportedMediaType
from werkzeug.wrappers import Response

from services.common import outbox
from services.common.errors import Invalid, NotFound, Unanswered, VoiceHubError
from services.gateway.clients import acting_for
from services.gateway.domain.fingerprints import KEY_MAX, Fingerprint, fingerprint, told_key
from services.gateway.hub import Hub
from services.gateway.rest.auth import Person, authenticate, require
from services.gateway.rest.body import read_json
from services.gateway.rest.departure import departure
from services.gateway.rest.problems import reshaped
from services.gateway.rest.route import JSON_TYPE, Call, Parameter, Reply, Route
from services.gateway.rest.schema import violations
from services.gateway.store import audit
from services.gateway.store.accounts import exists
from services.gateway.store.answers import Answer

log = logging.getLogger(__name__)
SAFE = frozenset({"GET", "HEAD"})
PATH_PART_MAX = 200


def view_of(route: Route, hub: Hub) -> Callable[..., Response]:
    """The Flask view function of a route."""

    def view(**path: str) -> Response:
        try:
            return answer(**path)
        except (VoiceHubError, HTTPException) as error:
            if route.errors is None:
                raise
            return reshaped(error, route.errors)

    def answer(**path: str) -> Response:
        person = authenticate(hub.accounts, request.headers.get("Authorization", ""))
        left = hub.limits.api.spend(person.identity.account or _remote(request, hub.trusted_proxies))
        require(person, route.scope)
        _check_path(path)
        _check_outbox(route, hub)
        with acting_for(person.identity):
            try:
                response = _serve(route, hub, person, path)
            finally:
                if _changes(route):
                    hub.remembered.forget()
        policy = hub.limits.api.policy
        response.headers["RateLimit-Policy"] = f'"{policy.name}";q={policy.quota};w=300'
        response.headers["RateLimit"] = f'"{policy.name}";r={left}'
        return response

    view.__name__ = route.operation
    return view


def _serve(route: Route, hub: Hub, person: Person, path: Mapping[str, str]) -> Response:
    body, raw = read_json(request, route.body) if route.body is not None else ({}, b"")
    if route.body is None and not route.raw_limit and request.content_length:
        _refuse_body(request)
    request.max_content_length = route.raw_limit or request.max_content_length
    key = _key(route)
    call = Call(
        hub=hub,
        identity=person.identity,
        credential=person.token,
        body=body,
        query=_parameters(route, "query", request.args) | _parameters(route, "header", request.headers),
        headers=request.headers,
        stream=_raw(route),
        key=told_key(key),
        remote=_remote(request, hub.trusted_proxies),
        gone=departure(request.environ),
    )
    if not key:
        return _run(route, call, path)
    seen = fingerprint(
        account=person.identity.account,
        credential=request.headers.get("Authorization", ""),
        target=f"{route.method} {request.path}",
        key=key,
        body=raw,
    )
    return _once(route, call, path, seen)


def _once(route: Route, call: Call, path: Mapping[str, str], seen: Fingerprint) -> Response:
    earlier = call.hub.answers.begin(seen, once=route.once)
    if earlier is not None and not route.repeatable:
        again = Response(earlier.body, earlier.status, mimetype=JSON_TYPE)
        again.headers["Idempotency-Replayed"] = "true"
        return again
    try:
        response = _run(route, call, path)
    except BaseException as error:
        if earlier is None:
            let_go = call.hub.answers.doubt if route.once and not _refused(error) else call.hub.answers.forget
            let_go(seen)
        raise
    if earlier is None:
        _remember(route, call, seen, response)
    return response


def _refused(error: BaseException) -> bool:
    """Whether an error says that nothing was done."""
    typed = isinstance(error, VoiceHubError) and error.http_status != 500
    return typed and not isinstance(error, Unanswered)


def _remember(route: Route, call: Call, seen: Fingerprint, response: Response) -> None:
    """What was done is answered even if that cannot be kept; what is only made again ends, and its slot is free."""
    kept = b"" if route.repeatable else response.get_data()
    try:
        call.hub.answers.finish(seen, Answer(response.status_code, kept))
    except Exception:
        if not route.repeatable:
            log.exception("an answer could not be kept for its Idempotency-Key")
            return
        response.close()
        with suppress(Exception):  # the database is away: what is told is why the answer could not be kept
            call.hub.answers.forget(seen)
        raise


def _run(route: Route, call: Call, path: Mapping[str, str]) -> Response:
    result = route.handler(call, **path)
    if route.method not in SAFE and route.scope is not None and route.tag not in ("accounts", "uploads"):
        with call.hub.database.write() as session:
            named = exists(session, call.account)  # who was erased meanwhile is not named again, nor in the address
            who, where = (call.account, request.path) if named else ("", "")
            audit.record(session, who, route.operation, where)
    if not isinstance(result, Reply):
        return result
    text = "" if route.answer.status == 204 else json.dumps(result.body, ensure_ascii=False, allow_nan=False)
    return Response(text, route.answer.status, headers=dict(result.headers), mimetype=JSON_TYPE)


def _parameters(route: Route, place: str, given: MultiDict[str, str] | Headers) -> dict[str, Any]:
    found: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for parameter in (p for p in route.parameters if p.place == place):
        value = given.get(parameter.name)
        if value is None:
            if parameter.required:
                wrong[parameter.name] = "is missing"
            continue
        found[parameter.name] = _typed(parameter, value)
        for reason in violations(parameter.schema, found[parameter.name]).values():
            wrong[parameter.name] = reason
    if wrong:
        name, reason = next(iter(wrong.items()))
        raise Invalid(f"{name} {reason}.", hint="Check it against /openapi.json.", fields=wrong)
    return found


def _typed(parameter: Parameter, value: str) -> object:
    integer = parameter.schema.get("type") == "integer" and value.isascii() and value.isdigit() and len(value) < 20
    return int(value) if integer else value.replace("\x00", "\N{REPLACEMENT CHARACTER}")


def _check_outbox(route: Route, hub: Hub) -> None:
    """Refuses changes before they begin, for each leaves an event; one can still log in and out, and hear voices."""
    if _changes(route) and route.tag != "accounts":
        with hub.database.read() as session:
            outbox.refuse_when_over(session, hub.outbox_bound)


def _changes(route: Route) -> bool:
    return route.method not in SAFE and not route.repeatable


def _check_path(path: Mapping[str, str]) -> None:
    if any(len(part) > PATH_PART_MAX or not part.isprintable() for part in path.values()):
        raise NotFound("There is nothing at this address.", hint="Check the spelling of the names in it.")


def _key(route: Route) -> str:
    key = request.headers.get("Idempotency-Key", "") if route.method == "POST" else ""
    if len(key) > KEY_MAX:
        raise Invalid(f"Idempotency-Key has more than {KEY_MAX} characters.", hint="Use a UUID.")
    return key


def _raw(route: Route) -> Any:
    if route.raw_limit and request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType
    if route.raw_limit and (request.content_length or 0) > route.raw_limit:
        raise RequestEntityTooLarge
    return request.stream


def _refuse_body(taken: Request) -> None:
    if taken.method not in SAFE and (taken.content_length or 0) > 2:  # "{}" from generous clients is harmless
        raise Invalid("This operation takes no body.", hint="Send the request without a body.", reason="INVALID_BODY")


def _remote(taken: Request, trusted_proxies: int) -> str:
    """Where the visitor is: what the outermost trusted proxy has appended to X-Forwarded-For, else the socket's."""
    told = taken.headers.get("X-Forwarded-For", "").split(",")
    if 0 < trusted_proxies <= len(told):
        with suppress(ValueError):
            return _place(told[-trusted_proxies].strip())
    with suppress(ValueError):
        return _place(taken.remote_addr or "")
    return taken.remote_addr or "unknown"


def _place(address: str) -> str:
    """An address; of IPv6 its first half, for whoever has one has all that begin with it."""
    read = ip_address(address)
    if isinstance(read, IPv4Address):
        return str(read)
    return str(read.ipv4_mapped or IPv6Network((int(read), 64), strict=False))
