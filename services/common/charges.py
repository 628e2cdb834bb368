"""Work that costs credits: reserved before it begins, told to the ledger when it has ended.

Every reservation is written down here before the ledger is asked (`Charges.reserve`), so that none is forgotten when
the process dies in between: it is bound to its work in the transaction that stores the work (`bind`), and what stays
unbound is given back. `close` tells the ledger in the transaction that ends the work.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import grpc
from sqlalchemy import BigInteger, Column, DateTime, Index, MetaData, Row, String, Table, delete, insert, select, update
from sqlalchemy.orm import Session

from services.common import outbox
from services.common.clock import now
from services.common.database import Database
from services.common.errors import Unavailable, from_rpc
from services.common.events import make_event
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1.credits_pb2 import ReserveCreditsRequest
from services.stubs.voicehub.common.v1.charges_pb2 import ReservationClosed

metadata = MetaData()
charges = Table(
    "charges",
    metadata,
    Column("reservation", String(32), primary_key=True),
    Column("work", String(32), nullable=False),
    Column("topic", String(32), nullable=False),
    Column("source", String(32), nullable=False),
    # Units of the same work that were paid by earlier reservations.
    Column("before", BigInteger, nullable=False),
    Column("create_time", DateTime(timezone=True), nullable=False),
    Index("charges_work", "work"),
)
SECONDS = 15.0
FORGOTTEN = timedelta(minutes=10)
"""After that an unbound reservation is one whose process died."""
Ask = Callable[[ReserveCreditsRequest], Any]


class Charges:
    """Reserves credits for the work of one service.

    Args:
        ask: the catalog's `ReserveCredits`.
        topic: of the events that tell when the work has ended.
        source: the service.
    """

    def __init__(self, database: Database, ask: Ask, topic: str, source: str) -> None:
        self._database, self._ask, self._topic, self._source = database, ask, topic, source

    def reserve(self, account: str, purpose: str, units: int) -> str:
        """Reserves; answers the id that `bind` needs.

        Raises:
            Unprocessable: the account has too little.
            Unavailable: the ledger does not answer.
        """
        reservation = new_id()
        with self._database.write() as session:
            _give_back(session, now() - FORGOTTEN)
            session.execute(
                insert(charges).values(
                    reservation=reservation,
                    work="",
                    topic=self._topic,
                    source=self._source,
                    before=0,
                    create_time=now(),
                )
            )
        request = ReserveCreditsRequest(reservation=reservation, account=account, purpose=purpose, units=units)
        try:
            self._ask(request)
        except grpc.RpcError as error:
            told = from_rpc(error)
            if not isinstance(told, Unavailable):  # then nothing was reserved, surely
                with self._database.write() as session:
                    _forget(session, reservation)
            raise told from error
        return reservation


def bind(session: Session, reservation: str, work: str, before: int = 0) -> None:
    """The reservation is for that work, of which so many units were paid before."""
    changed = update(charges).where(charges.c.reservation == reservation).values(work=work, before=before)
    session.execute(changed)


def is_open(session: Session, work: str) -> bool:
    """Whether credits are reserved for the work."""
    return session.execute(select(charges.c.reservation).where(charges.c.work == work)).first() is not None


def close(session: Session, work: str, units: int) -> None:
    """The work has ended with so many units in all: what is more than before is to be paid, the rest goes back.

    Nothing happens for work that nothing was reserved for.
    """
    for row in session.execute(select(charges).where(charges.c.work == work)).all():
        _end(session, row, max(units - row.before, 0))


def _give_back(session: Session, before: datetime) -> None:
    forgotten = select(charges).where(charges.c.work == "", charges.c.create_time < before)
    for row in session.execute(forgotten).all():
        _end(session, row, 0)


def _end(session: Session, row: Row[Any], units: int) -> None:
    payload = ReservationClosed(reservation=row.reservation, units=units)
    outbox.record(session, make_event(row.topic, row.work or row.reservation, payload, row.source))
    _forget(session, row.reservation)


def _forget(session: Session, reservation: str) -> None:
    session.execute(delete(charges).where(charges.c.reservation == reservation))
