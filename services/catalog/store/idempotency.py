"""Idempotency keys: the same key and request of an account answer what was made the first time."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from google.protobuf.message import Message
from sqlalchemy.orm import Session

from services.catalog.store.tables import IdempotencyRow
from services.common.clock import now
from services.common.errors import Invalid, key_reused

M = TypeVar("M", bound=Message)
MAX_KEY = 128


def request_hash(request: M) -> str:
    """SHA-256 of the request without its key."""
    copy = type(request)()
    copy.CopyFrom(request)
    copy.ClearField("idempotency_key")
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).hexdigest()


def made_before(session: Session, account: str, operation: str, key: str, request: Message) -> str | None:
    """The id made by an earlier request with this key; Unprocessable if that request was another one."""
    if len(key) > MAX_KEY:
        raise Invalid("The idempotency key is too long.", hint=f"Use at most {MAX_KEY} characters, such as a UUID.")
    row = session.get(IdempotencyRow, (account, operation, key)) if key else None
    if row is None:
        return None
    if row.request_hash != request_hash(request):
        raise key_reused()
    return row.result_id


def remember(session: Session, account: str, operation: str, key: str, request: Message, result_id: str) -> None:
    """Notes what this request made, in the transaction that made it."""
    if key:
        session.add(
            IdempotencyRow(
                account=account,
                operation=operation,
                key=key,
                request_hash=request_hash(request),
                result_id=result_id,
                create_time=now(),
            )
        )
