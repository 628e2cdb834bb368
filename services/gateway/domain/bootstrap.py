"""The one-time token that makes the first administrator."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from services.gateway.domain.credentials import token_digest

LEAST_CHARACTERS = 20


@dataclass(frozen=True)
class Bootstrap:
    """The digest of the operator's token; empty when this hub takes none."""

    digest: str = ""

    @classmethod
    def of_secret(cls, secret: str) -> Bootstrap:
        """ValueError for a token that could be guessed."""
        if len(secret) < LEAST_CHARACTERS:
            raise ValueError(
                f"The bootstrap token has {len(secret)} characters; write at least {LEAST_CHARACTERS} random ones into"
                " the file that VOICEHUB_BOOTSTRAP_TOKEN_FILE names."
            )
        return cls(token_digest(secret))

    def fits(self, secret: str) -> bool:
        """Whether this is the token; takes as long when it is not."""
        return bool(self.digest) and hmac.compare_digest(self.digest, token_digest(secret))
