"""Idempotency-Key: same key and body, same answer; other body 422; still under way 409."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from services.common.clock import now
from services.common.errors import Conflict
from services.gateway import clients
from services.gateway.domain.fingerprints import Fingerprint, fingerprint, seal, unseal
from services.gateway.rest.app import create_app
from services.gateway.store.answers import LONGEST, Answer, Answers
from services.gateway.store.tables import answers
from services.gateway.tests.conftest import PASSWORD, Gateway


def test_the_same_answer_again(gateway: Gateway) -> None:
    token = gateway.login("anna")
    body = {"filename": "a", "size": 3}
    first = gateway.json("POST", "/v1/uploads", body, token, Idempotency_Key="k")
    again = gateway.json("POST", "/v1/uploads", body, token, Idempotency_Key="k")
    assert first.get_json() == again.get_json()
    assert again.status_code == 201
    assert again.headers["Idempotency-Replayed"] == "true"
    assert gateway.json("POST", "/v1/uploads", body, token).get_json()["id"] != first.get_json()["id"]


def test_another_body_is_refused(gateway: Gateway) -> None:
    token = gateway.login("anna")
    gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 3}, token, Idempotency_Key="k")
    other = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 4}, token, Idempotency_Key="k")
    assert (other.status_code, other.get_json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_keys_belong_to_their_account(gateway: Gateway) -> None:
    body = {"filename": "a", "size": 3}
    one = gateway.json("POST", "/v1/uploads", body, gateway.login("anna"), Idempotency_Key="k")
    two = gateway.json("POST", "/v1/uploads", body, gateway.login("bert"), Idempotency_Key="k")
    assert one.get_json()["id"] != two.get_json()["id"]


def test_in_flight_is_a_conflict_until_a_restart(gateway: Gateway) -> None:
    token = gateway.login("anna")
    seen = fingerprint(
        account="anna",
        credential=f"Bearer {token}",
        target="POST /v1/uploads",
        key="k",
        body=b'{"filename": "a", "size": 3}',
    )
    assert gateway.hub.answers.begin(seen) is None
    answer = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 3}, token, Idempotency_Key="k")
    assert (answer.status_code, answer.get_json()["reason"]) == (409, "IDEMPOTENCY_IN_FLIGHT")
    Answers(gateway.hub.database, alone=True)  # what a restart does
    assert gateway.hub.answers.begin(seen) is None


def test_a_replica_that_starts_leaves_what_others_have_in_flight(gateway: Gateway) -> None:
    Answers(gateway.hub.database, alone=False).begin(_seen())
    other = Answers(gateway.hub.database, alone=False)
    with pytest.raises(Conflict):
        other.begin(_seen())


def test_a_key_that_is_held_too_long_is_free_and_then_not_its_first_holders(gateway: Gateway) -> None:
    kept, first, second = gateway.hub.answers, _seen(), _seen()
    assert kept.begin(first) is None
    with gateway.hub.database.write() as session:
        session.execute(update(answers).values(time=now() - LONGEST - timedelta(seconds=1)))
    assert kept.begin(second) is None
    kept.forget(first)
    kept.finish(first, Answer(200, b"first"))
    with pytest.raises(Conflict):
        kept.begin(_seen())
    kept.finish(second, Answer(200, b"second"))
    kept.forget(first)
    assert kept.begin(_seen()) == Answer(200, b"second")


def _seen() -> Fingerprint:
    return fingerprint(account="anna", credential="Bearer a", target="POST /v1/tokens", key="k", body=b"{}")


def test_a_failed_request_frees_its_key(gateway: Gateway) -> None:
    wrong = {"name": "anna", "password": "wrong password"}
    assert gateway.json("POST", "/v1/sessions", wrong, Idempotency_Key="k").status_code == 401
    gateway.json("POST", "/v1/accounts", {"name": "anna", "password": PASSWORD})
    right = {"name": "anna", "password": PASSWORD}
    assert gateway.json("POST", "/v1/sessions", right, Idempotency_Key="k").status_code == 201


def test_what_may_be_done_is_not_done_again(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.world.add_voice("bert", "narrator")
    token, path, body = gateway.login("anna"), "/v1/repos/bert/narrator/reports", {"reason": "wait"}
    with monkeypatch.context() as patched:
        patched.setattr(clients, "QUICK_SECONDS", 0.2)
        assert gateway.json("POST", path, body, token, Idempotency_Key="k").status_code == 503
    gateway.world.waiting.set()
    Answers(gateway.hub.database, alone=True)  # not even a restart knows better
    with gateway.hub.database.write() as session:
        session.execute(update(answers).values(time=now() - 2 * LONGEST))
    again = gateway.json("POST", path, body, token, Idempotency_Key="k")
    assert (again.status_code, again.get_json()["reason"]) == (409, "IDEMPOTENCY_OUTCOME_UNKNOWN")
    assert len(gateway.world.requests) == 1
    assert gateway.json("POST", path, body, token, Idempotency_Key="other").status_code == 201


@pytest.mark.parametrize("alone", [True, False])
def test_what_a_lost_gateway_may_have_done_is_not_done_again(gateway: Gateway, alone: bool) -> None:
    gateway.world.add_voice("bert", "narrator")
    token, path, body = gateway.login("anna"), "/v1/repos/bert/narrator/reports", {"reason": "wait"}
    other = create_app(gateway.hub).test_client()

    def report() -> TestResponse:
        sent = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k"}
        return other.post(path, json=body, headers=sent)

    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(report)  # to a gateway that ends before it is answered
        while not gateway.world.requests and not lost.done():
            time.sleep(0.01)
        under_way = gateway.json("POST", path, body, token, Idempotency_Key="k")
        assert (under_way.status_code, under_way.get_json()["reason"]) == (409, "IDEMPOTENCY_IN_FLIGHT")
        Answers(gateway.hub.database, alone=alone)  # the next one starts
        if not alone:
            with gateway.hub.database.write() as session:
                session.execute(update(answers).values(time=now() - LONGEST - timedelta(seconds=1)))
        again = gateway.json("POST", path, body, token, Idempotency_Key="k")
        gateway.world.waiting.set()
        lost.result()
    assert (again.status_code, again.get_json()["reason"]) == (409, "IDEMPOTENCY_OUTCOME_UNKNOWN")
    assert len(gateway.world.requests) == 1


def test_what_was_refused_can_be_tried_again(gateway: Gateway) -> None:
    token, path, body = gateway.login("anna"), "/v1/repos/bert/narrator/reports", {"reason": "loud"}
    assert gateway.json("POST", path, body, token, Idempotency_Key="k").status_code == 404
    gateway.world.add_voice("bert", "narrator")
    assert gateway.json("POST", path, body, token, Idempotency_Key="k").status_code == 201


def test_a_sealed_answer_opens_only_for_who_can_repeat_the_request() -> None:
    mine, other = (
        fingerprint(account="anna", credential=f"Bearer {token}", target="POST /v1/tokens", key="k", body=b"{}")
        for token in ("a", "b")
    )
    sealed = seal(mine.seal, b"secret")
    assert unseal(mine.seal, sealed) == b"secret"
    assert unseal(other.seal, sealed) is None
    assert b"secret" not in sealed


def test_synthesis_is_made_again(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    body = {"voice": "anna/narrator", "text": "Hello", "language": "en"}
    first = gateway.json("POST", "/v1/synthesis", body, Idempotency_Key="k")
    again = gateway.json("POST", "/v1/synthesis", body, Idempotency_Key="k")
    assert first.data == again.data
    assert first.data.startswith(b"RIFF")


def test_an_answer_that_cannot_be_kept_holds_neither_slot_nor_key(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.world.add_voice("anna", "narrator")
    body = {"voice": "anna/narrator", "text": "Hello", "language": "en"}
    with monkeypatch.context() as patched:
        patched.setattr(gateway.hub.answers, "finish", _locked)
        refused = gateway.json("POST", "/v1/synthesis", body, Idempotency_Key="k")
    assert (refused.status_code, refused.get_json()["reason"]) == (503, "DATABASE_BUSY")
    with pytest.raises(ValueError, match="released too many"):
        gateway.hub.limits.syntheses.give("127.0.0.1")
    assert gateway.json("POST", "/v1/synthesis", body, Idempotency_Key="k").status_code == 200


def test_what_was_done_is_answered_even_if_that_cannot_be_kept(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = gateway.login("anna")
    monkeypatch.setattr(gateway.hub.answers, "finish", _locked)
    done = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 3}, token, Idempotency_Key="k")
    assert (done.status_code, done.get_json()["size"]) == (201, 3)


def _locked(*_: object) -> None:
    raise OperationalError("UPDATE", {}, Exception("database is locked"))
