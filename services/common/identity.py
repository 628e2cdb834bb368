"""Who calls: a short-lived signed identity (EdDSA JWT, RFC 7519/8037) in the metadata of every call.

The gateway authenticates people and signs for them; other services may only speak for themselves. A receiver trusts
nothing but the signature: plain headers carry no rights.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.common.errors import Unauthenticated

METADATA_KEY = "x-voicehub-identity"
UNKNOWN_IDENTITY = "UNKNOWN_IDENTITY"
"""The reason when a service does not accept what another one says of itself: their clocks or keys differ."""
LIFETIME_SECONDS = 120
MAY_SPEAK_FOR_ACCOUNTS = frozenset({"gateway", "trainer"})


@dataclass(frozen=True)
class Identity:
    """The caller. `account` is empty for an anonymous visitor; `service` names the signer."""

    account: str = ""
    service: str = ""
    scopes: frozenset[str] = field(default_factory=frozenset)
    admin: bool = False

    @property
    def is_service(self) -> bool:
        """A service speaking for itself, not for a person."""
        return bool(self.service) and not self.account and "service" in self.scopes


def ensure_keys(folder: Path, service: str) -> None:
    """Makes the key pair of `service` below `folder` once: `<service>.pem` (0600) and `public/<service>.pem`."""
    private = folder / f"{service}.pem"
    if private.exists():
        return
    (folder / "public").mkdir(parents=True, exist_ok=True)
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    _write(folder / "public" / f"{service}.pem", public, 0o644)
    _write(private, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Writes a file that is there whole or not at all, whenever the process dies."""
    unfinished = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


class Signer:
    """Signs identities with the private key of one service."""

    def __init__(self, folder: Path, service: str) -> None:
        self.service = service
        self._key = (folder / f"{service}.pem").read_bytes()

    def sign(self, identity: Identity) -> str:
        """A token that is valid for two minutes."""
        now = int(time.time())
        claims = {
            "iss": self.service,
            "sub": identity.account,
            "scopes": sorted(identity.scopes),
            "admin": identity.admin,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": self.service})

    def own(self) -> str:
        """A token by which the service speaks for itself."""
        return self.sign(Identity(service=self.service, scopes=frozenset({"service"})))


class Verifier:
    """Checks identities against the public keys of the house.

    A token whose signature was found right is known again until it ends: its signer uses it for many calls.
    """

    KEPT = 1_000

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "public"
        self._keys: Mapping[str, bytes] = {}
        self._known: dict[str, tuple[float, float, Identity]] = {}

    def verify(self, token: str) -> Identity:
        """The identity in `token`; Unauthenticated when the signature, the time or the issuer is wrong."""
        begin, end, identity = self._known.get(token, (0.0, 0.0, Identity()))
        if begin <= time.time() < end:
            return identity
        claims, identity = self._checked(token)
        if len(self._known) >= self.KEPT:
            self._known = {}  # threads that still read the old one are right, too
        self._known[token] = (float(claims.get("iat", 0)), float(claims["exp"]), identity)
        return identity

    def _checked(self, token: str) -> tuple[Mapping[str, Any], Identity]:
        try:
            issuer = str(jwt.get_unverified_header(token).get("kid", ""))
            claims = jwt.decode(
                token,
                self._key(issuer),
                algorithms=["EdDSA"],
                issuer=issuer,
                options={"require": ["exp", "iss", "sub"]},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise Unauthenticated("The identity of this call is not valid.", reason=UNKNOWN_IDENTITY) from error
        account, scopes = str(claims["sub"]), frozenset(claims.get("scopes", ()))
        if account and issuer not in MAY_SPEAK_FOR_ACCOUNTS:
            raise Unauthenticated(f"The service {issuer} may not speak for accounts.", reason=UNKNOWN_IDENTITY)
        return claims, Identity(account, issuer, scopes, bool(claims.get("admin")) and issuer == "gateway")

    def _key(self, issuer: str) -> bytes:
        """The public key of a service; the folder is read again for one unknown, for services start side by side."""
        if issuer not in self._keys:
            self._keys = {p.stem: p.read_bytes() for p in sorted(self._folder.glob("*.pem"))}
        return self._keys.get(issuer, b"")
