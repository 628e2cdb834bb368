"""Drives a random history of credits through processes that are killed with -9, and compares with the model."""

from __future__ import annotations

import random
import subprocess
import sys

from sqlalchemy import func, select, text

from services.catalog.credits.domain import MINT, SPENT, held, wallet
from services.catalog.credits.tables import LedgerEntryRow, LedgerTransactionRow
from services.catalog.credits.tests.random_history import PEOPLE, Model, history
from services.common.database import Database


def run_with_kills(url: str, seed: int, count: int, kills: int) -> int:
    """Does the whole history; answers how many processes were killed in the middle of their work."""
    source = random.Random(seed)
    kill_at = sorted(source.sample(range(count // 20, count), kills))
    done, killed = 0, 0
    while done < count:
        limit = kill_at[killed] if killed < kills else count
        command = [sys.executable, "-m", "services.catalog.credits.tests.random_history"]
        process = subprocess.Popen([*command, url, str(seed), str(count), str(done)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            done = int(line) + 1
            if done >= limit and done < count:
                process.kill()
                killed += 1
                break
        # what it still said before it died is known to be committed; what it did and did not say comes again
        said = process.stdout.read().splitlines()
        done = max([done, *(int(number) + 1 for number in said if number.isdigit())])
        assert process.wait() in (0, -9)
        while killed < kills and kill_at[killed] <= done:
            kill_at[killed] = done + 1 if done + 1 < count else count
    return killed


def check(url: str, seed: int, count: int) -> Model:
    """The ledger says what the model says, and every balance is the sum of its entries."""
    model = Model()
    for operation in history(seed, count):
        model.apply(operation)
    database = Database(url)
    with database.read() as session:
        sums = session.execute(
            select(LedgerEntryRow.account_id, func.sum(LedgerEntryRow.amount)).group_by(LedgerEntryRow.account_id)
        )
        totals = {name: int(total) for name, total in sums}
        lasts = session.execute(
            text(
                "SELECT account_id, balance FROM ledger_entries AS e WHERE number = "
                "(SELECT MAX(number) FROM ledger_entries WHERE account_id = e.account_id)"
            )
        )
        assert {name: int(last) for name, last in lasts} == totals
        assert sum(totals.values()) == 0
        for person in PEOPLE:
            assert totals.get(wallet(person), 0) == model.free.get(person, 0), person
            assert totals.get(held(person), 0) == model.held.get(person, 0), person
        assert totals[MINT] == -model.minted
        assert totals.get(SPENT, 0) == model.spent
        assert session.scalar(select(func.min(LedgerEntryRow.balance)).where(LedgerEntryRow.account_id != MINT)) >= 0  # type: ignore[operator]
        assert session.scalar(select(func.count()).select_from(LedgerTransactionRow)) == model.transactions
        unbalanced = select(LedgerEntryRow.transaction_id).group_by(LedgerEntryRow.transaction_id)
        assert not session.execute(unbalanced.having(func.sum(LedgerEntryRow.amount) != 0)).all()
    database.engine.dispose()
    return model
