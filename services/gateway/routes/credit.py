"""Credits: the caller's own, and gifts to others."""

from __future__ import annotations

from services.gateway.clients import ask
from services.gateway.domain.credentials import NAME_PATTERN, Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import number, page_of, record, reference, text
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import credits_pb2 as pb

resource = Resource("credits")
_CREDITS, _ENTRY = pb.Credits.DESCRIPTOR, pb.CreditEntry.DESCRIPTOR
_ONE = reference(_CREDITS)
_GIFT = record(
    {"to": text(39, pattern=NAME_PATTERN, note="An account."), "amount": number(1, 1_000_000_000)},
    {"note": text(500, least=0)},
)


@resource.route("GET", "/v1/credits", "Look at your credits", Answer(200, _ONE), scope=Scope.READ, messages=(_CREDITS,))
def get_credits(call: Call) -> Reply:
    """What can be spent, what is set aside for work under way, and what things cost and earn here."""
    return Reply(to_json(ask(call.hub.clients.credits.GetCredits, pb.GetCreditsRequest()).credits))


@resource.route(
    "GET",
    "/v1/credits/entries",
    "Read your statement",
    Answer(200, page_of(reference(_ENTRY))),
    scope=Scope.READ,
    parameters=PAGE,
    messages=(_ENTRY,),
)
def list_credit_entries(call: Call) -> Reply:
    """Newest first."""
    found = ask(call.hub.clients.credits.ListCreditEntries, pb.ListCreditEntriesRequest(page=page(call)))
    return Reply({"items": [to_json(entry) for entry in found.entries], "next_cursor": found.next_cursor})


@resource.route("POST", "/v1/credits/gifts", "Give credits", Answer(201, _ONE), body=_GIFT, scope=Scope.WRITE)
def give_credits(call: Call) -> Reply:
    """To another account of this hub; answers what the giver has left."""
    to = call.hub.accounts.person(call.body["to"]).name
    request = pb.GiveCreditsRequest(
        to=to, amount=call.body["amount"], note=call.body.get("note", ""), idempotency_key=call.key
    )
    return Reply(to_json(ask(call.hub.clients.credits.GiveCredits, request).credits))
