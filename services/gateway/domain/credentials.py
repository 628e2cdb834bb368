"""Names, passwords and bearer tokens.

A bearer token is 256 random bits; only its BLAKE3 digest is stored (no slow hash is needed for a secret that cannot be
guessed). Passwords are hashed with Argon2id (RFC 9106) by the adapter in `services.gateway.passwords`.
"""

from __future__ import annotations

import base64
import secrets
from enum import StrEnum

from blake3 import blake3

NAME_PATTERN = "^[a-z0-9](?:[a-z0-9-]{0,37}[a-z0-9])?$"
REPOSITORY_PATTERN = "^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$"
PASSWORD_MIN, PASSWORD_MAX = 10, 200
TOKEN_PREFIX = "vh_"  # noqa: S105 - lets scanners recognise leaked tokens
TOKEN_LENGTH = len(TOKEN_PREFIX) + 43
RESERVED_NAMES = frozenset({"admin", "anonymous", "api", "hub", "me", "root", "service", "system", "voicehub"})


class Scope(StrEnum):
    """What a token may do. A session may do all of it; a token cannot make tokens unless it has `account`."""

    READ = "read"
    WRITE = "write"
    ACCOUNT = "account"


ALL_SCOPES = frozenset(Scope)


def new_token() -> str:
    """A fresh bearer token: `vh_` and 43 characters of base64url."""
    return TOKEN_PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def token_digest(token: str) -> str:
    """What is stored of a token: 64 hex digits."""
    return blake3(token.encode("utf-8", "replace")).hexdigest()


def password_problem(name: str, password: str) -> str:
    """Why a password is not accepted, or an empty string (NIST SP 800-63B: length counts, composition rules do not)."""
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        return f"must have {PASSWORD_MIN} to {PASSWORD_MAX} characters"
    if password.lower() == name.lower() or len(set(password)) < 4:
        return "is too easy to guess: use a sentence of several words"
    return ""
