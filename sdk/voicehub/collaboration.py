"""What the hub answers about refs, roles and pull requests, as frozen dataclasses named as in `/openapi.json`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from voicehub.models import ObjectRef, Version


@dataclass(frozen=True)
class Grant:
    """An account and its role, on a repository or in an organisation."""

    account: str
    role: str = ""


@dataclass(frozen=True)
class Organisation:
    """An owner that is not one person; `role` is yours."""

    name: str
    create_time: datetime | None = None
    role: str = ""


@dataclass(frozen=True)
class Transfer:
    """A repository offered to another owner."""

    id: str
    owner: str = ""
    name: str = ""
    new_owner: str = ""
    by: str = ""
    create_time: datetime | None = None


@dataclass(frozen=True)
class FallenRef:
    """A ref whose version was erased: a branch names `version` now (empty: none), a tag is `deleted`."""

    owner: str
    name: str
    ref: str
    version: str = ""
    deleted: bool = False


@dataclass(frozen=True)
class Erased(Version):
    """The tombstone of a version, and the refs that lost it, as far as you may see them."""

    refs: tuple[FallenRef, ...] = ()


@dataclass(frozen=True)
class Protection:
    """What a protected ref asks of a pull request; a limit of 0 is none."""

    approvals: int = 0
    similarity_drop: float = 0.0
    intelligibility_drop: float = 0.0


@dataclass(frozen=True)
class Ref:
    """A branch, a tag or the head of a pull request: `version` is what one reads, the next push stands on `tip`."""

    name: str
    kind: str = "branch"
    version: str = ""
    tip: str = ""
    protected: bool = False
    protection: Protection | None = None
    update_time: datetime | None = None
    updater: str = ""


@dataclass(frozen=True)
class Comparison:
    """How two versions stand to each other: nearest common ancestors, and how many versions either has alone."""

    base: str
    head: str
    merge_bases: tuple[str, ...] = ()
    ahead: int = 0
    behind: int = 0


@dataclass(frozen=True)
class Check:
    """Something that must hold before a merge: passed, pending or failed, and why."""

    name: str
    state: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Pull:
    """A pull request; its head is heard as `owner/name@<ref>`."""

    number: int
    title: str = ""
    body: str = ""
    author: str = ""
    state: str = ""
    base_ref: str = ""
    base_version: str = ""
    head_owner: str = ""
    head_name: str = ""
    head_ref: str = ""
    head_version: str = ""
    ref: str = ""
    ahead: int = 0
    behind: int = 0
    merge_bases: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    mergeable: bool = False
    merging: bool = False
    merge_failure: str = ""
    create_time: datetime | None = None
    update_time: datetime | None = None
    closer: str = ""


@dataclass(frozen=True)
class Review:
    """A verdict (approve, request_changes) on one version of a pull request."""

    author: str
    version: str = ""
    verdict: str = ""
    text: str = ""
    create_time: datetime | None = None
    counts: bool = False


@dataclass(frozen=True)
class Snippet:
    """A sound that a version serves."""

    version: str
    object: ObjectRef


@dataclass(frozen=True)
class Remark:
    """Something said about a pull request."""

    id: str
    thread: str = ""
    author: str = ""
    text: str = ""
    snippet: Snippet | None = None
    resolved: bool = False
    create_time: datetime | None = None
