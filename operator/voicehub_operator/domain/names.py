"""Names of what the operator owns. A name follows from its owner alone, so that no work can be begun twice."""

from __future__ import annotations

GROUP = "voicehub.dev"
VERSION = "v1alpha1"
QUEUE_LABEL = f"{GROUP}/queue"
ORGANISATION_LABEL = f"{GROUP}/organisation"
OWNER_LABEL = f"{GROUP}/owner"
ATTEMPT_LABEL = f"{GROUP}/attempt"
KIND_LABEL = f"{GROUP}/kind"
QUEUE_FINALIZER = f"{GROUP}/reservations"
"""On a queue: jobs hold reservations in it."""
MAX_OWNER = 50
"""Characters of an owner's name that leave room for an attempt in a label (63)."""


def attempt_name(owner: str, attempt: int) -> str:
    """The Job of the n-th attempt (from 1) of a training."""
    return f"{owner}-{attempt}"
