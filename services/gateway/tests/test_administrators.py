"""The first administrator: made by the operator's token, once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from services.common.identity import Signer, Verifier
from services.gateway.bootstrap import _bootstrap
from services.gateway.clients import Signatures, acting_for
from services.gateway.domain.bootstrap import Bootstrap
from services.gateway.rest.app import create_app
from services.gateway.rest.auth import authenticate
from services.gateway.store.audit import first_broken
from services.gateway.tests.conftest import PASSWORD, Gateway

SECRET = "a-token-of-the-operator-0123456789"
FIRST = "/v1/administrators/first"


@pytest.fixture
def new_hub(gateway: Gateway) -> Gateway:
    """A hub whose operator gave it a token."""
    hub = replace(gateway.hub, bootstrap=Bootstrap.of_secret(SECRET))
    return replace(gateway, hub=hub, client=create_app(hub).test_client())


def body(name: str = "olga", token: str = SECRET) -> dict[str, str]:
    return {"bootstrap_token": token, "name": name, "password": PASSWORD}


def test_the_token_makes_one_administrator_and_no_second(new_hub: Gateway, tmp_path: Path) -> None:
    made = new_hub.json("POST", FIRST, body())
    assert (made.status_code, made.get_json()["name"]) == (201, "olga")
    again = new_hub.json("POST", FIRST, body("mallory"))
    assert (again.status_code, again.get_json()["reason"]) == (409, "BOOTSTRAP_USED")
    assert new_hub.hub.accounts.password_hash("mallory") is None
    session = new_hub.login("olga")
    assert new_hub.json("GET", "/v1/me", token=session).get_json()["admin"] is True
    person = authenticate(new_hub.hub.accounts, f"Bearer {session}")
    keys = tmp_path / "keys"
    with acting_for(person.identity):
        told = Verifier(keys).verify(Signatures(Signer(keys, "gateway")).token())
    assert (told.account, told.admin) == ("olga", True)
    with new_hub.hub.database.read() as rows:
        assert first_broken(rows) is None


def test_of_many_that_come_together_one_wins(new_hub: Gateway) -> None:
    app = new_hub.client.application

    def ask(number: int) -> int:
        return app.test_client().post(FIRST, json=body(f"olga{number}")).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(4))) == [201, 409, 409, 409]


@pytest.mark.parametrize("token", ["", "wrong", SECRET[:-1], SECRET + "x"])
def test_another_token_makes_nobody(new_hub: Gateway, token: str) -> None:
    answer = new_hub.json("POST", FIRST, body(token=token))
    assert answer.status_code in (400, 401)
    assert not new_hub.hub.administrators.exist()


def test_a_hub_without_a_token_takes_none(gateway: Gateway) -> None:
    assert gateway.json("POST", FIRST, body()).status_code == 401


@pytest.mark.parametrize(("name", "field"), [("admin", "name"), ("olga", "password")])
def test_the_rules_of_accounts_hold(new_hub: Gateway, name: str, field: str) -> None:
    wrong = {**body(name), "password": "aaaaaaaaaaaaa"} if field == "password" else body(name)
    answer = new_hub.json("POST", FIRST, wrong)
    assert (answer.status_code, list(answer.get_json()["fields"])) == (400, [field])


def test_only_a_token_that_may_do_everything_administers(new_hub: Gateway) -> None:
    new_hub.json("POST", FIRST, body())
    session = new_hub.login("olga")
    small = new_hub.json("POST", "/v1/tokens", {"label": "ci", "scopes": ["read", "write"]}, session).get_json()
    assert new_hub.json("GET", "/v1/me", token=small["token"]).get_json()["admin"] is False
    assert new_hub.json("GET", "/v1/me", token=new_hub.login("anna")).get_json()["admin"] is False


def test_a_token_comes_from_a_file_and_must_not_be_guessable(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    assert _bootstrap(str(file)).fits(SECRET)
    file.write_text("short")
    with pytest.raises(ValueError, match="5 characters"):
        _bootstrap(str(file))


def test_metrics_can_be_kept_off_the_public_address(gateway: Gateway) -> None:
    assert gateway.client.get("/metrics").status_code == 200
    hidden = create_app(replace(gateway.hub, public_metrics=False)).test_client()
    assert hidden.get("/metrics").status_code == 404
    assert hidden.get("/healthz").status_code == 200


def test_an_erased_administrators_token_makes_no_other(new_hub: Gateway) -> None:
    new_hub.json("POST", FIRST, body())
    gone = new_hub.json("DELETE", "/v1/me", {"name": "olga", "password": PASSWORD}, new_hub.login("olga"))
    assert gone.status_code == 200, gone.text
    again = new_hub.json("POST", FIRST, body("mallory"))
    assert (again.status_code, again.get_json()["reason"]) == (409, "BOOTSTRAP_USED")
    fresh = "another-token-of-the-operator-0123"
    app = create_app(replace(new_hub.hub, bootstrap=Bootstrap.of_secret(fresh)))
    assert app.test_client().post(FIRST, json=body("otto", fresh)).status_code == 201
