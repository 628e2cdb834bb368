"""The first administrator of a new hub."""

from __future__ import annotations

from services.common.errors import Invalid, Unauthenticated
from services.gateway.domain.credentials import (
    NAME_PATTERN,
    PASSWORD_MAX,
    PASSWORD_MIN,
    RESERVED_NAMES,
    password_problem,
)
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import record, text
from services.gateway.store.administrators import used

# Its tag is that of accounts: there is nobody yet in whose name a change could be written to the audit log twice.
resource = Resource("accounts")
_MADE = record({"name": text(39), "create_time": {"type": "string", "format": "date-time"}})
_FIRST = record(
    {
        "bootstrap_token": text(200, note="What the operator's Secret holds."),
        "name": text(39, pattern=NAME_PATTERN),
        "password": text(PASSWORD_MAX, least=PASSWORD_MIN),
    }
)


@resource.route("POST", "/v1/administrators/first", "Make the first administrator", Answer(201, _MADE), body=_FIRST)
def create_first_administrator(call: Call) -> Reply:
    """Works once in the life of a hub, for who can read the operator's bootstrap token."""
    name, password = call.body["name"], call.body["password"]
    call.hub.limits.passwords.spend(call.remote)
    if not call.hub.bootstrap.fits(call.body["bootstrap_token"]):
        raise Unauthenticated(
            "This is not the bootstrap token of this hub.",
            hint="Read it from the Secret that `helm status` names; without one, this hub takes none.",
            reason="WRONG_BOOTSTRAP_TOKEN",
        )
    if call.hub.administrators.exist():
        raise used()
    reason = "is reserved" if name in RESERVED_NAMES else ""
    if reason or (problem := password_problem(name, password)):
        fields = {"name": reason} if reason else {"password": problem}
        raise Invalid("This account cannot be made.", hint="Choose another name or password.", fields=fields)
    with call.hub.limits.checks.one():
        hashed = call.hub.passwords.hash(password)
    made = call.hub.administrators.make_first(name, hashed, call.hub.bootstrap.digest)
    return Reply({"name": made.name, "create_time": made.create_time.isoformat().replace("+00:00", "Z")})
