"""A merge of weights as it was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Where a merge stands; one that a crash interrupted is still queued."""

    QUEUED = "queued"
    MERGED = "merged"
    FAILED = "failed"


@dataclass(frozen=True)
class Merge:
    """What one event asked for.

    Attributes:
        id: of the event.
        pull_id: of the pull request; `number` is its number in `owner/name`, where all versions can be read.
        ours: id of the version that the branch had; `theirs` of the head.
        bases: ids of their nearest common ancestors.
        options: attributes of `gptsovits.merging.Recipe`.
        result: id of the version that was made, or why there is none.
    """

    id: str
    pull_id: str
    number: int
    owner: str
    name: str
    ours: str
    theirs: str
    bases: Sequence[str]
    options: Mapping[str, Any]
    state: State
    create_time: datetime
    result: str = ""
    end_time: datetime | None = None
