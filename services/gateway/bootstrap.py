"""The wiring of the gateway; nothing is made anywhere else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from services.common.runtime import House
from services.common.settings import number
from services.gateway import limits
from services.gateway.clients import Clients
from services.gateway.domain.bootstrap import Bootstrap
from services.gateway.hub import Hub
from services.gateway.passwords import Passwords
from services.gateway.remembered import Remembered
from services.gateway.rest.departure import Departures
from services.gateway.store.accounts import Accounts
from services.gateway.store.administrators import Administrators
from services.gateway.store.answers import Answers
from services.gateway.store.uploads import UploadRows
from services.gateway.uploads import Uploads

MIGRATIONS = Path(__file__).parent / "migrations"
_INSTALLED = Path(__file__).resolve().parent / "page"
PAGE = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).resolve().parents[2] / "web" / "page"
"""A wheel brings the page inside the gateway; in a checkout it lies in `web/`."""


def make_hub(house: House, environment: Mapping[str, str] | None = None) -> Hub:
    """The gateway's parts over its house. `VOICEHUB_PAGE` names another folder for the web page."""
    env = os.environ if environment is None else environment
    return Hub(
        database=house.database,
        objects=house.objects,
        clients=Clients(house.settings, house.signer),
        accounts=Accounts(house.database),
        administrators=Administrators(house.database),
        answers=Answers(house.database, alone=house.database.alone),
        passwords=Passwords(),
        uploads=Uploads(UploadRows(house.database), house.objects, house.settings.data / "uploads"),
        limits=limits.load(env),
        departures=Departures(),
        remembered=Remembered(),
        bases=house.settings.bases,
        page=Path(env.get("VOICEHUB_PAGE", str(PAGE))),
        outbox_bound=house.settings.outbox_bound,
        bootstrap=_bootstrap(env.get("VOICEHUB_BOOTSTRAP_TOKEN_FILE", "")),
        public_metrics=env.get("VOICEHUB_PUBLIC_METRICS", "yes") != "no",
        trusted_proxies=number(env, "VOICEHUB_TRUSTED_PROXIES", 0),
    )


def _bootstrap(file: str) -> Bootstrap:
    return Bootstrap.of_secret(Path(file).read_text(encoding="utf-8").strip()) if file else Bootstrap()
