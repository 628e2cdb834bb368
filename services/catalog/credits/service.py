"""The gRPC surface of credits."""

from __future__ import annotations

from hashlib import sha256

import grpc
from sqlalchemy.orm import Session

from services.catalog import paging
from services.catalog.credits import ledger, reserving
from services.catalog.credits.domain import Kind, Prices, Transaction, wallet
from services.catalog.domain.visibility import require_account
from services.common import rpc
from services.common.clock import to_timestamp
from services.common.database import Database
from services.common.errors import Forbidden, Unprocessable
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import credits_pb2 as pb
from services.stubs.voicehub.catalog.v1 import credits_pb2_grpc

# ruff: noqa: N802 - the contract's names
CHARGERS = frozenset({"trainer", "inference"})
MOST, MAX_NOTE = 1_000_000_000, 500


class CreditService(credits_pb2_grpc.CreditServiceServicer):
    """Everybody's own credits; reservations for the services of the house."""

    def __init__(self, database: Database, prices: Prices) -> None:
        self._database, self._prices = database, prices

    def GetCredits(self, request: pb.GetCreditsRequest, context: grpc.ServicerContext) -> pb.GetCreditsResponse:
        """What the caller has."""
        account = require_account(rpc.caller())
        self._begin(account)
        with self._database.read() as session:
            return pb.GetCreditsResponse(credits=self._credits(session, account))

    def ListCreditEntries(
        self, request: pb.ListCreditEntriesRequest, context: grpc.ServicerContext
    ) -> pb.ListCreditEntriesResponse:
        """What became of the caller's credits, newest first."""
        account = require_account(rpc.caller())
        page = paging.read_page("credits", request.page.size, request.page.cursor)
        self._begin(account)
        with self._database.read() as session:
            lines = ledger.statement(session, account, page)
        items, cursor = paging.split("credits", page, lines, lambda line: line.sequence)
        return pb.ListCreditEntriesResponse(entries=[_entry(line) for line in items], next_cursor=cursor)

    def GiveCredits(self, request: pb.GiveCreditsRequest, context: grpc.ServicerContext) -> pb.GiveCreditsResponse:
        """A gift, once per idempotency key."""
        account = require_account(rpc.caller())
        _check_gift(request, account)
        entries = {wallet(account): -request.amount, wallet(request.to): request.amount}
        key = f"gift:{account}:{sha256((request.idempotency_key or new_id()).encode()).hexdigest()}"
        with self._database.write() as session:
            for one in (account, request.to):
                ledger.begin(session, one, self._prices.start)
            ledger.post(session, Transaction(key, Kind.GIFT, account, entries, request.to, request.note.strip()))
            return pb.GiveCreditsResponse(credits=self._credits(session, account))

    def ReserveCredits(
        self, request: pb.ReserveCreditsRequest, context: grpc.ServicerContext
    ) -> pb.ReserveCreditsResponse:
        """Sets aside what work costs."""
        identity = rpc.caller()
        if not identity.is_service or identity.service not in CHARGERS:
            raise Forbidden("Only the services of the house reserve credits.")
        if request.units < 1 or not request.reservation or not request.account:
            raise Unprocessable("A reservation needs an id, an account and at least one unit.")
        with self._database.write() as session:
            amount = reserving.reserve(
                session, self._prices, request.account, request.reservation, request.purpose, request.units
            )
        return pb.ReserveCreditsResponse(amount=amount)

    def _begin(self, account: str) -> None:
        """The first look at an account opens it."""
        with self._database.read() as session:
            if ledger.find(session, f"start:{account}"):
                return
        with self._database.write() as session:
            ledger.begin(session, account, self._prices.start)

    def _credits(self, session: Session, account: str) -> pb.Credits:
        prices = self._prices
        return pb.Credits(
            account=account,
            balance=ledger.balance(session, wallet(account)),
            reserved=ledger.reserved(session, account),
            charging=prices.charging,
            prices={
                "training_job": prices.training,
                "batch_per_1000_characters": prices.synthesis,
                "earned_by_publishing": prices.publish,
                "earned_by_a_download": prices.download,
                "earned_by_an_adopted_merge": prices.merge,
            },
        )


def _check_gift(request: pb.GiveCreditsRequest, account: str) -> None:
    fields = {}
    if not 1 <= request.amount <= MOST:
        fields["amount"] = f"1 to {MOST}"
    if not request.to or request.to == account:
        fields["to"] = "somebody else"
    if len(request.note) > MAX_NOTE:
        fields["note"] = f"at most {MAX_NOTE} characters"
    if fields:
        raise Unprocessable("This is no gift.", hint="Give at least one credit to somebody else.", fields=fields)


def _entry(line: ledger.Line) -> pb.CreditEntry:
    return pb.CreditEntry(
        number=line.sequence,
        kind=line.kind,
        amount=line.amount,
        balance=line.balance,
        reference=line.reference,
        note=line.note,
        create_time=to_timestamp(line.create_time),
    )
