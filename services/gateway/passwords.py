"""Argon2id with the library's current parameters; at most two hashes at a time, because each takes 64 MiB."""

from __future__ import annotations

import threading
from functools import cached_property

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PARALLEL = 2


class Passwords:
    """Hashes and checks passwords. Thread-safe."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = threading.BoundedSemaphore(PARALLEL)

    @cached_property
    def _nobody(self) -> str:
        return self._hasher.hash("a password that nobody has")

    def hash(self, password: str) -> str:
        """The encoded hash, salt and parameters inside."""
        with self._slots:
            return self._hasher.hash(password)

    def check(self, encoded: str | None, password: str) -> bool:
        """Whether the password is right; takes the same time when the account does not exist (`encoded` None)."""
        with self._slots:
            try:
                return self._hasher.verify(encoded or self._nobody, password) and encoded is not None
            except (VerificationError, InvalidHashError):
                return False
