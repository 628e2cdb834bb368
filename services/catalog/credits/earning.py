"""What earns credits. Every source is bounded, and nobody earns from what they do to their own voices."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from services.catalog.credits import ledger
from services.catalog.credits.domain import MINT, Kind, Prices, Transaction, shares, wallet
from services.catalog.credits.lineage import lineage_of
from services.catalog.store.tables import VersionRow
from services.common.clock import now
from services.common.errors import Invalid

DAY = timedelta(days=1)


def published(session: Session, prices: Prices, version: VersionRow) -> None:
    """A version was published: its author earns, for a bounded number of versions a day."""
    bound = prices.publishes_a_day
    if not _bounded(session, version.author, Kind.PUBLISH, bound):
        _earn(session, f"publish:{version.id}", Kind.PUBLISH, version.author, prices.publish, version)


def downloaded(session: Session, prices: Prices, version: VersionRow, by: str) -> None:
    """Somebody's first download of a version: the makers along its lineage share what it earns.

    One's own downloads earn nothing, nor do those of any of the makers, nor of visitors without an account.
    """
    makers = lineage_of(session, version)
    if not by or by in {maker.account for maker in makers}:
        return
    if _bounded(session, version.author, Kind.DOWNLOAD, prices.downloads_a_day):
        return
    parts = shares(prices.download, makers)
    _mint(session, f"download:{version.id}:{by}", Kind.DOWNLOAD, version.author, parts, version.id)


def merged(session: Session, prices: Prices, merge: str, author: str, adopted_by: str, version: VersionRow) -> None:
    """A merge was adopted: who proposed it earns, a bounded number a day, unless the same account adopted it."""
    if author != adopted_by and not _bounded(session, author, Kind.MERGE, prices.merges_a_day):
        _earn(session, f"merge:{merge}", Kind.MERGE, author, prices.merge, version)


def computed(session: Session, account: str, amount: int, evidence: str) -> bool:
    """Compute for the hub that an operator has audited; `evidence` names the audit, and is paid once.

    Answers whether it was paid now. Raises Invalid for an amount below 1 or no evidence.
    """
    if amount < 1 or not evidence.strip():
        raise Invalid("Audited compute needs an amount of at least 1 and the name of its audit.")
    entries = {MINT: -amount, wallet(account): amount}
    return ledger.post(session, Transaction(f"compute:{evidence}", Kind.COMPUTE, account, entries, evidence))


def _earn(session: Session, key: str, kind: Kind, account: str, amount: int, version: VersionRow) -> None:
    _mint(session, key, kind, account, {account: amount} if amount else {}, version.id)


def _mint(session: Session, key: str, kind: Kind, account: str, parts: Mapping[str, int], reference: str) -> None:
    if not parts or ledger.find(session, key):  # said again; prices may have changed since
        return
    entries = {MINT: -sum(parts.values()), **{wallet(one): part for one, part in parts.items()}}
    ledger.post(session, Transaction(key, kind, account, entries, reference))


def _bounded(session: Session, account: str, kind: Kind, bound: int) -> bool:
    return ledger.how_many(session, account, kind, _yesterday()) >= bound


def _yesterday() -> datetime:
    return now() - DAY
