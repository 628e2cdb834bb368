"""Who operates the hub. The first one is made by a token that the operator put into a file, and by nothing else."""

from __future__ import annotations

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from services.common.clock import now
from services.common.database import Database
from services.common.errors import Conflict
from services.gateway.store import audit, erasing
from services.gateway.store.accounts import Account
from services.gateway.store.tables import accounts, administrators


class Administrators:
    """Queries over administrators."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def exist(self) -> bool:
        """Whether there is one."""
        with self._database.read() as session:
            return session.execute(select(administrators.c.account).limit(1)).first() is not None

    def make_first(self, name: str, password_hash: str, proof: str) -> Account:
        """A new account that administers the hub; Conflict if there is an administrator or the name is taken.

        Args:
            proof: the digest of the token that allowed it, kept with it.
        """
        account = Account(name, now())
        made = {"create_time": account.create_time}
        try:
            with (
                self._database.write() as session
            ):  # writers queue: of two that come together one finds the other's row
                there = session.execute(select(administrators.c.account).limit(1)).first() is not None
                if there or erasing.is_spent(session, proof):
                    raise used()
                erasing.check_free(session, name)
                session.execute(insert(accounts).values(name=name, password_hash=password_hash, **made))
                session.execute(insert(administrators).values(account=name, proof=proof, **made))
                audit.record(session, name, "administrator.create", f"accounts/{name}")
        except IntegrityError as error:
            raise Conflict(
                f"The name {name} is taken.",
                hint="Choose another name for the administrator.",
                reason="NAME_TAKEN",
                fields={"name": "is taken"},
            ) from error
        return account


def used() -> Conflict:
    """The first administrator is there already."""
    return Conflict(
        "This hub has its administrator: the token has been used.",
        hint="Log in as that administrator; remove the token from the hub's settings.",
        reason="BOOTSTRAP_USED",
    )
