"""Signed identities: what a receiver accepts, and from whom."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import pytest

from services.common import identity as module
from services.common.errors import Unauthenticated
from services.common.identity import Identity, Signer, Verifier, ensure_keys


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    for service in ("gateway", "scanner"):
        ensure_keys(tmp_path, service)
    return tmp_path


def test_a_person_and_a_service_are_recognised(keys: Path) -> None:
    ann = Verifier(keys).verify(Signer(keys, "gateway").sign(Identity("ann", scopes=frozenset({"read"}), admin=True)))
    assert (ann.account, ann.service, ann.admin, ann.is_service) == ("ann", "gateway", True, False)
    own = Verifier(keys).verify(Signer(keys, "scanner").own())
    assert (own.account, own.service, own.is_service) == ("", "scanner", True)


def test_only_those_who_may_speak_for_accounts_do(keys: Path) -> None:
    with pytest.raises(Unauthenticated, match="scanner may not speak for accounts"):
        Verifier(keys).verify(Signer(keys, "scanner").sign(Identity("ann")))
    claimed = Verifier(keys).verify(Signer(keys, "scanner").sign(Identity("", admin=True)))
    assert not claimed.admin


def test_a_key_that_appears_later_is_found(keys: Path) -> None:
    verifier = Verifier(keys)
    verifier.verify(Signer(keys, "scanner").own())
    ensure_keys(keys, "trainer")
    assert verifier.verify(Signer(keys, "trainer").sign(Identity("ann"))).service == "trainer"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é"])
def test_what_is_no_token_is_refused(keys: Path, token: str) -> None:
    with pytest.raises(Unauthenticated):
        Verifier(keys).verify(token)


def test_forgeries_are_refused(
    keys: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = tmp_path_factory.mktemp("foreign")
    ensure_keys(foreign, "gateway")
    claims = {"iss": "gateway", "sub": "ann", "exp": 1 << 40}
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": "gateway"})
    public = (keys / "public" / "gateway.pem").read_bytes()
    monkeypatch.setattr("jwt.algorithms.is_pem_format", lambda _: False)
    symmetric = jwt.encode(claims, public, algorithm="HS256", headers={"kid": "gateway"})
    monkeypatch.undo()
    another = Signer(keys, "scanner").sign(Identity()).split(".")
    borrowed = jwt.encode({"alg": "EdDSA"}, "", algorithm="none", headers={"kid": "gateway"}).split(".")[0]
    for token in (
        Signer(foreign, "gateway").sign(Identity("ann")),
        unsigned,
        symmetric,
        ".".join([borrowed, *another[1:]]),
    ):
        with pytest.raises(Unauthenticated):
            Verifier(keys).verify(token)


def test_an_identity_ends(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIFETIME_SECONDS", -1)
    with pytest.raises(Unauthenticated):
        Verifier(keys).verify(Signer(keys, "gateway").sign(Identity("ann")))


def test_a_signature_is_checked_once_while_its_time_lasts(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier, signer = Verifier(keys), Signer(keys, "gateway")
    token = signer.sign(Identity("ann"))
    ann = verifier.verify(token)
    assert verifier.verify(token) is ann
    forged = token[:-10] + token[-10:].swapcase()
    with pytest.raises(Unauthenticated):
        verifier.verify(forged)
    end = jwt.decode(token, options={"verify_signature": False})["exp"]
    for moment in (end, end - 2 * module.LIFETIME_SECONDS):  # the clock was moved: the token is looked at again
        monkeypatch.setattr("services.common.identity.time.time", lambda moment=moment: moment)
        assert verifier.verify(token) is not ann
        monkeypatch.undo()


def test_keys_are_made_once_and_kept_private(keys: Path) -> None:
    private = keys / "gateway.pem"
    before = private.read_bytes()
    ensure_keys(keys, "gateway")
    assert private.read_bytes() == before
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert {p.name for p in keys.iterdir()} == {"gateway.pem", "scanner.pem", "public"}
