"""Organisations share the names of accounts: nobody logs in as one, and nobody takes its name."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from services.common.errors import Conflict, NotFound
from services.gateway.store.audit import first_broken
from services.gateway.store.tables import audit
from services.gateway.tests.conftest import PASSWORD, Gateway


def test_the_name_of_an_organisation_is_nobodys_account(gateway: Gateway) -> None:
    anna = gateway.login("anna")
    accounts = gateway.hub.accounts
    accounts.reserve("choir", "anna")
    accounts.reserve("choir", "anna")  # what was broken off may be tried again
    assert gateway.json("POST", "/v1/accounts", {"name": "choir", "password": PASSWORD}).status_code == 409
    for password in (PASSWORD, "organisation:anna"):
        assert gateway.json("POST", "/v1/sessions", {"name": "choir", "password": password}).status_code == 401
    taken = gateway.json("POST", "/v1/organisations", {"name": "anna"}, anna)
    assert (taken.status_code, taken.get_json()["reason"]) == (409, "NAME_TAKEN")
    assert gateway.json("POST", "/v1/organisations", {"name": "choir"}, gateway.login("bert")).status_code == 409
    assert gateway.json("POST", "/v1/organisations", {"name": "admin"}, anna).status_code == 409
    path = "/v1/repos/anna/narrator/collaborators/choir"
    assert gateway.json("PUT", path, {"role": "read"}, anna).status_code == 404
    assert gateway.json("PUT", path, {"role": "king"}, anna).status_code == 400


def test_the_name_of_a_deleted_organisation_is_for_who_deleted_it_alone(gateway: Gateway) -> None:
    anna, bert = gateway.login("anna"), gateway.login("bert")
    accounts = gateway.hub.accounts
    accounts.reserve("choir", "anna")
    accounts.give_up("choir", "bert")  # another admin of it
    assert gateway.json("POST", "/v1/accounts", {"name": "choir", "password": PASSWORD}).status_code == 409
    assert gateway.json("POST", "/v1/sessions", {"name": "choir", "password": PASSWORD}).status_code == 401
    for token in (anna, gateway.login("cyd")):
        taken = gateway.json("POST", "/v1/organisations", {"name": "choir"}, token)
        assert (taken.status_code, taken.get_json()["reason"]) == (409, "NAME_TAKEN")
    with pytest.raises(NotFound):
        accounts.get("choir")  # nothing is offered to it
    accounts.reserve("choir", "bert")
    assert accounts.get("choir").organisation
    with gateway.hub.database.read() as session:
        log = session.execute(select(audit.c.account, audit.c.action).where(audit.c.target == "organisations/choir"))
        assert [tuple(row) for row in log] == [
            ("anna", "organisation.create"),
            ("bert", "organisation.delete"),
            ("bert", "organisation.create"),
        ]
        assert first_broken(session) is None
    accounts.give_up("choir", "bert")
    gateway.json("DELETE", "/v1/me", {"name": "bert", "password": PASSWORD}, bert)
    with pytest.raises(Conflict):
        accounts.reserve("choir", "bert")


def test_a_deletion_that_is_cut_off_leaves_the_name_to_nobody_else(gateway: Gateway) -> None:
    """The catalog had deleted it, and the gateway, cut off before it had noted that, gave the name to who made it."""
    anna, bert = gateway.login("anna"), gateway.login("bert")
    assert gateway.json("POST", "/v1/organisations", {"name": "choir"}, anna).status_code == 201
    gateway.json("PUT", "/v1/organisations/choir/members/bert", {"role": "admin"}, anna)
    gateway.world.silent.set()
    assert gateway.json("DELETE", "/v1/organisations/choir", token=bert).status_code == 503
    gateway.world.silent.clear()
    taken = gateway.json("POST", "/v1/organisations", {"name": "choir"}, anna)
    assert (taken.status_code, taken.get_json()["reason"]) == (409, "NAME_TAKEN")
    with pytest.raises(NotFound):
        gateway.hub.accounts.get("choir")
    assert gateway.json("POST", "/v1/organisations", {"name": "choir"}, bert).status_code == 201
    assert gateway.json("DELETE", "/v1/organisations/choir", token=bert).status_code == 204
    assert gateway.json("DELETE", "/v1/organisations/choir", token=bert).status_code == 404


def test_a_deletion_that_is_refused_changes_nothing(gateway: Gateway) -> None:
    tokens = {name: gateway.login(name) for name in ("anna", "bert", "cyd")}
    assert gateway.json("POST", "/v1/organisations", {"name": "owner"}, tokens["anna"]).status_code == 201
    gateway.json("PUT", "/v1/organisations/owner/members/bert", {"role": "write"}, tokens["anna"])
    answers = {name: gateway.json("DELETE", "/v1/organisations/owner", token=tokens[name]) for name in tokens}
    assert {name: answer.status_code for name, answer in answers.items()} == {"anna": 409, "bert": 403, "cyd": 404}
    assert gateway.hub.accounts.get("owner").organisation
    gateway.hub.accounts.reserve("owner", "anna")  # it is still hers
    with pytest.raises(Conflict):
        gateway.hub.accounts.reserve("owner", "bert")
