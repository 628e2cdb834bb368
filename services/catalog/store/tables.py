"""The catalog's tables. `sequence` columns give the order in which rows were written, which cursors follow."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, String, Text, UniqueConstraint, false
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ID = String(32)
DIGEST = String(64)
ACCOUNT = String(64)


class Base(DeclarativeBase):
    """Common base; JSON for what is only read whole."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        dict[str, Any]: JSON,
        list[Any]: JSON,
        datetime: DateTime(timezone=True),
    }


class RepositoryRow(Base):
    """A repository `owner/name` with its counters, which change in the transaction of what they count."""

    __tablename__ = "repositories"
    __table_args__ = (UniqueConstraint("owner", "name"), {"sqlite_autoincrement": True})
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    owner: Mapped[str] = mapped_column(ACCOUNT)
    name: Mapped[str] = mapped_column(String(64))
    visibility: Mapped[str] = mapped_column(String(16))
    create_time: Mapped[datetime]
    stars: Mapped[int] = mapped_column(default=0)
    comments: Mapped[int] = mapped_column(default=0)
    downloads: Mapped[int] = mapped_column(default=0)
    protected: Mapped[bool] = mapped_column(default=False, server_default=false())
    taken_down: Mapped[bool] = mapped_column(default=False, server_default=false())
    archived: Mapped[bool] = mapped_column(default=False, server_default=false())
    delete_time: Mapped[datetime | None]
    upstream_id: Mapped[str | None] = mapped_column(ID, index=True)
    family_id: Mapped[str | None] = mapped_column(ID, index=True)


class RefRow(Base):
    """A name (`main`, a tag) for a version.

    `version_id` is the published version that everybody reads by this name, NULL before the first one; `tip` the one
    pushed last, which compare-and-set looks at. `protection` is what a pull request into it needs; NULL: unprotected.
    """

    __tablename__ = "refs"
    __table_args__ = (Index("refs_by_version", "version_id"), Index("refs_by_tip", "tip"))
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    version_id: Mapped[str | None] = mapped_column(ForeignKey("versions.id"))
    kind: Mapped[str] = mapped_column(String(8), default="branch", server_default="branch")
    tip: Mapped[str | None] = mapped_column(ID)
    protection: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    update_time: Mapped[datetime | None]
    updater: Mapped[str] = mapped_column(ACCOUNT, default="", server_default="")


class HistoryRow(Base):
    """A version that can be read in a repository; forks hold the same versions, so that no object is copied.

    `pull` is the number of the pull request that brought it and has not been merged, 0 for all others.
    """

    __tablename__ = "repository_versions"
    __table_args__ = (Index("repositories_of_version", "sequence"),)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    sequence: Mapped[int] = mapped_column(ForeignKey("versions.sequence"), primary_key=True, autoincrement=False)
    pull: Mapped[int] = mapped_column(default=0, server_default="0")


class VersionRow(Base):
    """A version: what was pushed never changes; the facts of its road (scan, export, behaviour) are filled in.

    `bounds` are the declarations of others' versions that it was made from: nothing made from it is declared looser.
    """

    __tablename__ = "versions"
    __table_args__ = (Index("versions_of_repository", "repository_id", "sequence"), {"sqlite_autoincrement": True})
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"))
    parents: Mapped[list[Any]]
    ref: Mapped[str] = mapped_column(String(64), default="main", server_default="main")
    author: Mapped[str] = mapped_column(ACCOUNT)
    message: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]
    publish_time: Mapped[datetime | None]
    training_job: Mapped[str] = mapped_column(String(64))
    uploads: Mapped[list[Any]]
    card: Mapped[dict[str, Any]]
    figures: Mapped[dict[str, Any]]
    free_time: Mapped[datetime | None]
    declaration: Mapped[dict[str, Any]]
    bounds: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    state: Mapped[str] = mapped_column(String(16))
    verdict: Mapped[str] = mapped_column(String(32), default="")
    exported: Mapped[bool] = mapped_column(default=False)
    behaviour: Mapped[str] = mapped_column(String(32), default="")
    family: Mapped[str] = mapped_column(String(32), default="")
    configs: Mapped[dict[str, Any]] = mapped_column(default=dict)
    requires: Mapped[dict[str, Any]] = mapped_column(default=dict)
    not_auditionable: Mapped[str] = mapped_column(Text, default="")


class UploadRow(Base):
    """An uploaded object that a version was pushed from; `versions.uploads` says as what."""

    __tablename__ = "version_uploads"
    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"), primary_key=True)


class FreedRow(Base):
    """An object that a version let go of: removed by and by, if no other version has it."""

    __tablename__ = "freed_objects"
    area: Mapped[str] = mapped_column(String(16), primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    create_time: Mapped[datetime]


class TensorRow(Base):
    """One rebuilt tensor of a version; its bytes are the served object `digest`."""

    __tablename__ = "version_tensors"
    __table_args__ = (Index("tensors_by_digest", "version_id", "digest"), Index("tensors_of_object", "digest"))
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(Text)
    dtype: Mapped[str] = mapped_column(String(16))
    shape: Mapped[list[Any]]
    digest: Mapped[str] = mapped_column(DIGEST)
    size: Mapped[int] = mapped_column(BigInteger)


class FileRow(Base):
    """One served file of a version: `kind` is `file` (prompts, lexicon) or `bundle` (the ONNX bundle)."""

    __tablename__ = "version_files"
    __table_args__ = (Index("files_by_digest", "version_id", "digest"), Index("files_of_object", "digest"))
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    path: Mapped[str] = mapped_column(Text)
    digest: Mapped[str] = mapped_column(DIGEST)
    size: Mapped[int] = mapped_column(BigInteger)


class SampleRow(Base):
    """What a version sounds like: a served wav with its text."""

    __tablename__ = "version_samples"
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(Text)
    language: Mapped[str] = mapped_column(String(35))
    digest: Mapped[str] = mapped_column(DIGEST)
    size: Mapped[int] = mapped_column(BigInteger)
    seconds: Mapped[float]


class FindingRow(Base):
    """One thing a scan found; `stage` is `static` or `behaviour`."""

    __tablename__ = "version_findings"
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    stage: Mapped[str] = mapped_column(String(16), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rule: Mapped[str] = mapped_column(Text)
    place: Mapped[str] = mapped_column(Text)
    severity: Mapped[str] = mapped_column(String(16))
    message_en: Mapped[str] = mapped_column(Text)
    message_zh: Mapped[str] = mapped_column(Text)


class StarRow(Base):
    """An account's star."""

    __tablename__ = "stars"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    account: Mapped[str] = mapped_column(ACCOUNT, primary_key=True)
    create_time: Mapped[datetime]


class CommentRow(Base):
    """A comment on a repository."""

    __tablename__ = "comments"
    __table_args__ = (Index("comments_of_repository", "repository_id", "sequence"), {"sqlite_autoincrement": True})
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"))
    author: Mapped[str] = mapped_column(ACCOUNT)
    text: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]


class ReportRow(Base):
    """Somebody says that a repository should be looked at."""

    __tablename__ = "reports"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"))
    account: Mapped[str] = mapped_column(ACCOUNT)
    reason: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]


class IdempotencyRow(Base):
    """What an account's request with this key made the first time."""

    __tablename__ = "idempotency"
    account: Mapped[str] = mapped_column(ACCOUNT, primary_key=True)
    operation: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    request_hash: Mapped[str] = mapped_column(DIGEST)
    result_id: Mapped[str] = mapped_column(ID)
    create_time: Mapped[datetime]


class PullRow(Base):
    """A download counted: once per version, account and day (UTC)."""

    __tablename__ = "pulls"
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    account: Mapped[str] = mapped_column(ACCOUNT, primary_key=True)
    day: Mapped[str] = mapped_column(String(10), primary_key=True)


class ChangeRow(Base):
    """The last change of what a search shows of a repository; a later one takes its place under a greater sequence."""

    __tablename__ = "search_changes"
    __table_args__ = ({"sqlite_autoincrement": True},)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    repository_id: Mapped[str] = mapped_column(ID, unique=True)
    create_time: Mapped[datetime]


class RebuildRow(Base):
    """A rebuild of the search index that the operator asked for; `end_time` and the rest once it is done."""

    __tablename__ = "search_rebuilds"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    create_time: Mapped[datetime]
    end_time: Mapped[datetime | None]
    voices: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(default=0)
    seconds: Mapped[float] = mapped_column(default=0.0)


class LikenessRow(Base):
    """A published voice that came too close to the protected voice of somebody else."""

    __tablename__ = "likenesses"
    __table_args__ = (UniqueConstraint("version_id", "protected_id"), {"sqlite_autoincrement": True})
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), index=True)
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"))
    protected_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), index=True)
    similarity: Mapped[float]
    create_time: Mapped[datetime]
