"""Everything a request handler may use, wired by `services.gateway.bootstrap`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from services.common.database import Database
from services.common.objects import ObjectStore
from services.gateway.clients import Clients
from services.gateway.domain.bootstrap import Bootstrap
from services.gateway.limits import Limits
from services.gateway.passwords import Passwords
from services.gateway.remembered import Remembered
from services.gateway.rest.departure import Departures
from services.gateway.store.accounts import Accounts
from services.gateway.store.administrators import Administrators
from services.gateway.store.answers import Answers
from services.gateway.uploads import Uploads


@dataclass(frozen=True)
class Hub:
    """The gateway's parts.

    Attributes:
        bases: folder of registered bases, one folder a digest.
        page: folder of the web page.
        bootstrap: the token that makes the first administrator.
        public_metrics: whether `/metrics` is on the public address; on a cluster it is on one of its own.
        trusted_proxies: so many proxies stand before this one and append to X-Forwarded-For who asked them.
        outbox_bound: so many events may wait in the gateway's outbox before changes are refused.
    """

    database: Database
    objects: ObjectStore
    clients: Clients
    accounts: Accounts
    administrators: Administrators
    answers: Answers
    passwords: Passwords
    uploads: Uploads
    limits: Limits
    departures: Departures
    remembered: Remembered
    bases: Path
    page: Path
    outbox_bound: int = 0
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    public_metrics: bool = True
    trusted_proxies: int = 0
