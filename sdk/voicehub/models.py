"""What the hub answers, as frozen dataclasses. Names are those of the public API (`/openapi.json`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class ObjectRef:
    """Bytes by their BLAKE3-256 digest; `size` in bytes."""

    digest: str
    size: int = 0


@dataclass(frozen=True)
class File:
    """A file of a version or a base: path inside it, and its bytes."""

    path: str
    object: ObjectRef


@dataclass(frozen=True)
class Tensor:
    """One tensor of a version; its object holds the row-major little-endian bytes."""

    name: str
    dtype: str
    digest: str
    shape: tuple[int, ...] = ()
    size: int = 0


@dataclass(frozen=True)
class DeltaStep:
    """A delta that makes the tensor `result` of the tensor `base` (digests)."""

    base: str
    result: str
    object: ObjectRef


@dataclass(frozen=True)
class TensorDelta:
    """How a tensor can be made of one that is here: steps, applied one after the other."""

    digest: str
    steps: tuple[DeltaStep, ...] = ()


@dataclass(frozen=True)
class Sample:
    """What the voice sounds like."""

    text: str
    language: str
    object: ObjectRef
    seconds: float = 0.0


@dataclass(frozen=True)
class Finding:
    """One thing the scan found: which rule, where, how bad, and why in words."""

    rule: str
    place: str = ""
    severity: str = "info"
    message_en: str = ""
    message_zh: str = ""


@dataclass(frozen=True)
class Declaration:
    """What the pusher declares: source in words, licence as SPDX identifier, consent."""

    source: str = ""
    license: str = ""
    consent: str = ""


@dataclass(frozen=True)
class Repository:
    """A repository of one voice."""

    owner: str
    name: str
    id: str = ""
    visibility: str = "public"
    create_time: datetime | None = None
    stars: int = 0
    starred_by_caller: bool = False
    comments: int = 0
    downloads: int = 0
    head: str = ""
    role: str = ""
    archived: bool = False
    upstream_owner: str = ""
    upstream_name: str = ""
    forks: int = 0


@dataclass(frozen=True)
class Version:
    """An immutable version of a voice: state, card, manifest, verdict."""

    id: str
    owner: str = ""
    name: str = ""
    author: str = ""
    message: str = ""
    state: str = "pushed"
    create_time: datetime | None = None
    parents: tuple[str, ...] = ()
    card: Mapping[str, Any] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    declaration: Declaration = Declaration()
    family: str = ""
    tensors: tuple[Tensor, ...] = ()
    configs: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    bundle: tuple[File, ...] = ()
    samples: tuple[Sample, ...] = ()
    verdict: str = ""
    findings: tuple[Finding, ...] = ()
    not_auditionable: str = ""
    requires: Mapping[str, str] = field(default_factory=dict)
    description_zh: str = ""
    description_en: str = ""

    @property
    def final(self) -> bool:
        """Whether the version has come to the end of its road."""
        return self.state in ("published", "quarantined")


@dataclass(frozen=True)
class Hit:
    """One voice found."""

    repository: Repository
    version: str = ""
    description_zh: str = ""
    description_en: str = ""
    tags: tuple[str, ...] = ()
    language: str = ""
    score: float = 0.0
    sample: Sample | None = None
    near: bool = False
    explanation: Mapping[str, float] = field(default_factory=dict)
    forks: int = 0
    highlights: tuple[str, ...] = ()


@dataclass(frozen=True)
class FacetCount:
    """How many of the exact hits have a property, such as `lang` `yue`."""

    key: str
    value: str
    count: int = 0


@dataclass(frozen=True)
class SearchPage:
    """Hits in order, how the question was understood, and what the `total` exact hits have in common."""

    items: tuple[Hit, ...] = ()
    total: int = 0
    understood: Mapping[str, str] = field(default_factory=dict)
    facets: tuple[FacetCount, ...] = ()
    next_cursor: str = ""


@dataclass(frozen=True)
class Page:
    """A part of a list: its items as they came, and where the next part begins."""

    items: tuple[Any, ...] = ()
    next_cursor: str = ""


@dataclass(frozen=True)
class Comment:
    """What somebody said about a voice."""

    id: str
    author: str = ""
    text: str = ""
    create_time: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """Where a training job is: step, and `fraction` of it in 0..1."""

    sequence: int = 0
    step: str = ""
    fraction: float = 0.0
    message: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    time: datetime | None = None


@dataclass(frozen=True)
class Job:
    """A training job."""

    id: str
    owner: str = ""
    name: str = ""
    state: str = "queued"
    progress: Progress = Progress()
    create_time: datetime | None = None
    end_time: datetime | None = None
    failure: str = ""
    version_id: str = ""
    base: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.state in ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Base:
    """What voices stand on: an encoder, starting weights, a BERT; pulled once, by digest."""

    digest: str
    name: str = ""
    kind: str = ""
    family: str = ""
    languages: tuple[str, ...] = ()
    quality_zh: str = ""
    quality_en: str = ""
    license: str = ""
    default: bool = False
    files: tuple[File, ...] = ()


@dataclass(frozen=True)
class Upload:
    """A resumable upload: `offset` bytes of `size` have arrived; `digest` appears with the last one."""

    id: str
    filename: str = ""
    size: int = 0
    offset: int = 0
    digest: str = ""


@dataclass(frozen=True)
class Account:
    """An account of the hub."""

    name: str
    create_time: datetime | None = None
