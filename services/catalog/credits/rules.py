"""The ledger's rules as triggers of the database, which hold whoever writes.

No row changes or goes, every entry continues its account's balance, no balance but the source's is negative, every
transaction sums to zero and is sealed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

TABLES = ("ledger_accounts", "ledger_transactions", "ledger_entries")
_ENTRY: Sequence[tuple[str, str]] = (
    (
        "entry does not continue its account",
        "NEW.number <> 1 + COALESCE((SELECT MAX(number) FROM ledger_entries WHERE account_id = NEW.account_id), 0) "
        "OR NEW.balance <> NEW.amount + COALESCE((SELECT balance FROM ledger_entries "
        "WHERE account_id = NEW.account_id ORDER BY number DESC LIMIT 1), 0)",
    ),
    (
        "balance is negative",
        "NEW.balance < 0 AND NOT EXISTS (SELECT 1 FROM ledger_accounts WHERE id = NEW.account_id AND negative)",
    ),
    ("transaction is sealed", "EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.transaction_id)"),
)
_TRANSACTION: Sequence[tuple[str, str]] = (
    (
        "entries do not sum to zero",
        "(SELECT COUNT(*) FROM ledger_entries WHERE transaction_id = NEW.id) < 2 "
        "OR (SELECT SUM(amount) FROM ledger_entries WHERE transaction_id = NEW.id) <> 0",
    ),
    (
        "transaction is there already",
        "EXISTS (SELECT 1 FROM ledger_transactions WHERE id = NEW.id OR key = NEW.key OR closes = NEW.closes)",
    ),
)


def only_added(dialect: str, table: str) -> Iterator[str]:
    """The statements that keep the rows of one more table from being changed; after those of `statements`."""
    yield from {"sqlite": _sqlite_only_added, "postgresql": _postgresql_only_added}[dialect](table)


def statements(dialect: str) -> Iterator[str]:
    """The statements that make the triggers on SQLite or PostgreSQL."""
    make = {"sqlite": _sqlite, "postgresql": _postgresql}[dialect]
    yield from make()


def _sqlite() -> Iterator[str]:
    for table in TABLES:
        yield from _sqlite_only_added(table)
    for table, rules in (("ledger_entries", _ENTRY), ("ledger_transactions", _TRANSACTION)):
        for number, (sentence, wrong) in enumerate(rules):
            yield (
                f"CREATE TRIGGER {table}_rule_{number} BEFORE INSERT ON {table} WHEN {wrong} "
                f"BEGIN SELECT RAISE(ABORT, 'ledger: {sentence}'); END"
            )


def _postgresql() -> Iterator[str]:
    yield _function("ledger_rows_are_only_added", "RAISE EXCEPTION 'ledger: rows are only added';")
    for table in TABLES:
        yield from _postgresql_only_added(table)
    for table, rules in (("ledger_entries", _ENTRY), ("ledger_transactions", _TRANSACTION)):
        checks = (f"IF {wrong} THEN RAISE EXCEPTION 'ledger: {sentence}'; END IF;" for sentence, wrong in rules)
        yield _function(f"{table}_rules", " ".join(checks) + " RETURN NEW;")
        yield (f"CREATE TRIGGER {table}_rules BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_rules()")


def _sqlite_only_added(table: str) -> Iterator[str]:
    for verb in ("UPDATE", "DELETE"):
        yield (
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'ledger: rows are only added'); END"
        )


def _postgresql_only_added(table: str) -> Iterator[str]:
    yield (
        f"CREATE TRIGGER {table}_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_rows_are_only_added()"
    )


def _function(name: str, body: str) -> str:
    return f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$"
