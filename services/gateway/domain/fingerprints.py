"""Idempotent requests (draft-ietf-httpapi-idempotency-key-header-07): what makes two requests the same."""

from __future__ import annotations

from dataclasses import dataclass, field

from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from services.common.ids import new_id

KEY_MAX = 200
TOLD_MAX = 128
"""Characters of a key that every service keeps."""
_NONCE = bytes(12)  # every sealing key is derived for one answer only, so one nonce is enough
_CONTEXT = "voicehub gateway 2026-11 sealed idempotent answer"


@dataclass(frozen=True)
class Fingerprint:
    """A request with an `Idempotency-Key`.

    Attributes:
        id: digest of caller, operation and key: what must be unique.
        body: digest of path and body: what must be equal when the key is used again.
        seal: 32 bytes known only to who can repeat the request; answers may hold secrets and are stored sealed by it.
        attempt: a fresh id of this attempt at the request.
    """

    id: str
    body: str
    seal: bytes
    attempt: str = field(default_factory=new_id, compare=False)


def fingerprint(*, account: str, credential: str, target: str, key: str, body: bytes) -> Fingerprint:
    """The fingerprint of a request; `target` is method and path, `credential` the Authorization header."""
    return Fingerprint(
        id=_digest(account.encode(), target.encode(), key.encode()),
        body=_digest(body),
        seal=blake3(_frame(credential.encode(), key.encode(), body), derive_key_context=_CONTEXT).digest(),
    )


def told_key(key: str) -> str:
    """The key as the other services are told it: one that is longer than they keep is told by its digest."""
    return key if len(key) <= TOLD_MAX else _digest(key.encode())


def seal(secret: bytes, answer: bytes) -> bytes:
    """Encrypts an answer for storage."""
    return ChaCha20Poly1305(secret).encrypt(_NONCE, answer, None)


def unseal(secret: bytes, sealed: bytes) -> bytes | None:
    """The answer, or None if the request came with another credential."""
    try:
        return ChaCha20Poly1305(secret).decrypt(_NONCE, sealed, None)
    except InvalidTag:
        return None


def _digest(*parts: bytes) -> str:
    return blake3(_frame(*parts)).hexdigest()


def _frame(*parts: bytes) -> bytes:
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)
