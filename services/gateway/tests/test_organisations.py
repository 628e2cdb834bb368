"""Organisations share the names of accounts: nobody logs in as one, and nobody takes its name."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from services.common.errors import Conflict, NotFound
from services.gateway.store.audit import first_broken
from services.gateway.store.tables import DELETED, audit
from services.gateway.store.tables import accounts as names
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
    assert gateway.hub.accounts.get("choir").organisation, "nobody knows here whether it is there"
    with gateway.hub.database.read() as session:
        log = session.scalars(select(audit.c.action).where(audit.c.target == "organisations/choir")).all()
    assert log == ["organisation.create", "organisation.deleting"]
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
    gateway.hub.accounts.reserve("owner", "anna")  # who was refused as its admin, and no other
    with pytest.raises(Conflict):
        gateway.hub.accounts.reserve("owner", "bert")


def test_a_deletion_that_did_not_happen_leaves_a_living_organisation(gateway: Gateway) -> None:
    """It was marked as deleted by the attempt that was cut off, and the one that was refused restored that mark."""
    anna = gateway.login("anna")
    assert gateway.json("POST", "/v1/organisations", {"name": "owner"}, anna).status_code == 201
    gateway.world.deaf.set()
    assert gateway.json("DELETE", "/v1/organisations/owner", token=anna).status_code == 503
    gateway.world.deaf.clear()
    assert gateway.json("DELETE", "/v1/organisations/owner", token=anna).status_code == 409
    assert gateway.hub.accounts.get("owner").organisation
    assert gateway.json("POST", "/v1/accounts", {"name": "owner", "password": PASSWORD}).status_code == 409


def test_of_two_that_delete_it_the_one_who_did_has_the_name(gateway: Gateway) -> None:
    anna, bert = gateway.login("anna"), gateway.login("bert")
    accounts = gateway.hub.accounts
    accounts.reserve("choir", "anna")
    for name in ("anna", "bert"):
        accounts.hand_over("choir", name)
    assert accounts.get("choir").organisation, "both are refused, say: it lives on"
    accounts.give_up("choir", "anna")
    accounts.hand_over("choir", "bert")  # too late: the catalog tells that there is none
    assert gateway.json("POST", "/v1/organisations", {"name": "choir"}, bert).status_code == 409
    assert gateway.json("POST", "/v1/organisations", {"name": "choir"}, anna).status_code == 201


def test_who_is_erased_while_it_is_deleted_is_not_named_again(gateway: Gateway) -> None:
    anna = gateway.login("anna")
    accounts = gateway.hub.accounts
    accounts.reserve("choir", "anna")
    accounts.hand_over("choir", "anna")
    done = gateway.json("DELETE", "/v1/me", {"name": "anna", "password": PASSWORD}, anna)
    accounts.give_up("choir", "anna")
    with gateway.hub.database.read() as session:
        kept = session.scalar(select(names.c.password_hash).where(names.c.name == "choir"))
        last = session.scalars(select(audit.c.account).order_by(audit.c.sequence.desc())).first()
    assert kept == DELETED + done.get_json()["pseudonym"]
    assert last == done.get_json()["pseudonym"]
    with pytest.raises(NotFound):
        accounts.hand_over("choir", "anna")


def test_who_is_erased_before_the_answer_is_not_named_for_the_request(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, accounts = gateway.login("anna"), gateway.hub.accounts
    assert gateway.json("POST", "/v1/organisations", {"name": "choir"}, anna).status_code == 201
    give_up = accounts.give_up

    def erased(name: str, account: str) -> None:
        assert gateway.json("DELETE", "/v1/me", {"name": "anna", "password": PASSWORD}, anna).status_code == 200
        give_up(name, account)

    monkeypatch.setattr(type(accounts), "give_up", lambda _, name, account: erased(name, account))
    assert gateway.json("DELETE", "/v1/organisations/choir", token=anna).status_code == 204
    with gateway.hub.database.read() as session:
        told = session.scalars(select(audit.c.action).where(audit.c.account == "anna")).all()
        last = session.execute(select(audit).order_by(audit.c.sequence.desc())).first()
    assert "organisation.deleting" in told  # what was told before stays: the log is only ever added to
    assert "delete_organisation" not in told
    assert last is not None
    assert (last.account, last.action, last.target) == ("", "delete_organisation", "")


def test_who_may_do_what_does_not_come_from_the_name_that_an_attempt_left(gateway: Gateway) -> None:
    anna, bert = gateway.login("anna"), gateway.login("bert")
    assert gateway.json("POST", "/v1/organisations", {"name": "owner"}, anna).status_code == 201
    gateway.json("PUT", "/v1/organisations/owner/members/bert", {"role": "admin"}, anna)
    assert gateway.json("DELETE", "/v1/organisations/owner", token=bert).status_code == 409
    gateway.json("DELETE", "/v1/organisations/owner/members/bert", token=anna)
    assert gateway.json("GET", "/v1/organisations/owner/members", token=bert).status_code == 404
    assert gateway.json("DELETE", "/v1/organisations/owner", token=bert).status_code == 404
    assert gateway.json("POST", "/v1/organisations", {"name": "owner"}, bert).status_code == 409
