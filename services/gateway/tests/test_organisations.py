"""Organisations share the names of accounts: nobody logs in as one, and nobody takes its name."""

from __future__ import annotations

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
