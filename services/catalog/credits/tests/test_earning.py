"""What earns credits, and what does not."""

from __future__ import annotations

import pytest
from sqlalchemy.orm import Session

from services.catalog.credits import earning, ledger
from services.catalog.credits.domain import Prices, wallet
from services.catalog.domain.visibility import Visibility
from services.catalog.store import repositories
from services.catalog.store.tables import RepositoryRow, VersionRow
from services.common.clock import now
from services.common.database import Database
from services.common.ids import new_id

PRICES = Prices(publishes_a_day=2, downloads_a_day=3, merges_a_day=2)


def made(session: Session, owner: str, *parents: VersionRow) -> VersionRow:
    name = f"voice-{new_id()}"
    repository: RepositoryRow = repositories.create(session, owner, name, Visibility.PUBLIC)
    row = VersionRow(
        id=new_id(), repository_id=repository.id, parents=[parent.id for parent in parents], author=owner, message="",
        create_time=now(), publish_time=None, training_job="", uploads=[], card={}, figures={}, declaration={},
        state="published", configs={}, requires={},
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def has(session: Session, account: str) -> int:
    return ledger.balance(session, wallet(account))


def test_a_published_voice_earns_once_and_a_bounded_number_a_day(database: Database) -> None:
    with database.write() as session:
        versions = [made(session, "ana") for _ in range(3)]
        for version in [*versions, *versions]:
            earning.published(session, PRICES, version)
        assert has(session, "ana") == 40


def test_downloads_by_others_earn_once_each_and_a_bounded_number_a_day(database: Database) -> None:
    with database.write() as session:
        version = made(session, "ana")
        for who in ("bo", "bo", "", "ana", "cy", "dee", "eve"):
            earning.downloaded(session, PRICES, version, who)
        assert has(session, "ana") == 30


def test_a_download_pays_along_the_lineage(database: Database) -> None:
    with database.write() as session:
        base = made(session, "base")
        fork = made(session, "fork", made(session, "fork", base))
        earning.downloaded(session, PRICES, fork, "listener")
        assert (has(session, "fork"), has(session, "base")) == (7, 3)
        earning.downloaded(session, PRICES, fork, "base")  # a maker's own: nothing
        assert (has(session, "fork"), has(session, "base")) == (7, 3)


def test_an_adopted_merge_earns_unless_it_is_ones_own(database: Database) -> None:
    with database.write() as session:
        version = made(session, "ana")
        for author in ("bo", "bo", "ana"):
            earning.merged(session, PRICES, f"pull-{author}", author, "ana", version)
        assert (has(session, "bo"), has(session, "ana")) == (50, 0)
        for number in range(3):  # two who play into each other's hands
            earning.merged(session, PRICES, f"pull-{number}", "bo", "ana", version)
        assert has(session, "bo") == 100


def test_audited_compute_is_paid_once_for_each_audit(database: Database) -> None:
    with database.write() as session:
        assert earning.computed(session, "ana", 70, "audit-1")
        assert not earning.computed(session, "ana", 70, "audit-1")
        assert has(session, "ana") == 70
    with pytest.raises(Exception, match="amount"), database.write() as session:
        earning.computed(session, "ana", 0, "audit-2")
