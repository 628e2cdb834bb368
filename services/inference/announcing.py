"""From the operator's command to the running hub: a new base is told like everything else, by an event."""

from __future__ import annotations

from collections.abc import Iterable

from services.common.database import Database
from services.common.events import make_event
from services.common.outbox import record
from services.inference.registry import RegisteredBase
from services.stubs.voicehub.inference.v1 import inference_pb2


def announce(database: Database, bases: Iterable[RegisteredBase]) -> None:
    """Puts the bases into the outbox of inference, whose relay publishes them now or when the hub starts."""
    with database.write() as session:
        for base in bases:
            said = inference_pb2.BaseRegistered(digest=base.digest, kind=base.kind, family=base.family)
            record(session, make_event("exports", base.digest, said, "inference"))
