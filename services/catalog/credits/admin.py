"""`voicehub-admin credits`: what only an operator can attest, and whether the books are in order."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import func, select

from services.catalog.credits import earning, ledger
from services.catalog.credits.domain import wallet
from services.catalog.credits.setting import prices
from services.catalog.credits.tables import LedgerEntryRow, LedgerTransactionRow
from services.common.admin.place import database_at
from services.common.database import Database
from services.common.errors import VoiceHubError

DATA = click.option("--data", type=click.Path(path_type=Path), help="The hub's data folder (default: `voicehub up`'s).")


@click.group(name="credits")
def group() -> None:
    """The ledger of credits."""


@group.command(name="compute")
@DATA
@click.argument("account")
@click.argument("amount", type=click.IntRange(1))
@click.option("--audit", required=True, help="Names the audit; each is paid once.")
def compute(data: Path | None, account: str, amount: int, audit: str) -> None:
    """Credit ACCOUNT with AMOUNT for compute that you have audited."""
    with _database(data).write() as session:
        ledger.begin(session, account, prices().start)
        try:
            paid = earning.computed(session, account, amount, audit)
        except VoiceHubError as error:
            raise click.ClickException(f"{error.message} {error.hint}".strip()) from None
        left = ledger.balance(session, wallet(account))
    click.echo(f"✓ {account} has {left} credits" if paid else f"The audit {audit} was paid before.")


@group.command(name="check")
@DATA
def check(data: Path | None) -> None:
    """Add up every entry: each balance must be the sum of its entries, and all of them together nothing."""
    database = _database(data)
    with database.read() as session:
        entry = LedgerEntryRow
        added = session.execute(select(entry.account_id, func.sum(entry.amount)).group_by(entry.account_id))
        sums = {name: int(total) for name, total in added}
        wrong = [name for name, total in sums.items() if ledger.balance(session, name) != total]
        transactions = session.scalar(select(func.count()).select_from(LedgerTransactionRow))
    if wrong or sum(sums.values()):
        raise click.ClickException(f"The books are not in order: {', '.join(wrong) or 'the total is not zero'}.")
    click.echo(f"✓ {transactions} transactions on {len(sums)} accounts; every balance is the sum of its entries.")


def _database(data: Path | None) -> Database:
    return database_at("catalog", data, LedgerTransactionRow.__tablename__)
