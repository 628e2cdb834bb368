"""The tables of pull requests, what is said about them, and how versions were judged."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.store.tables import ACCOUNT, DIGEST, ID, Base


class PullRequestRow(Base):
    """A pull request into a branch of `repository_id`.

    `head_version` is what would be merged: what `head_ref` has, or what merging the weights of both sides made. While
    weights are being merged, `merging` tells of which sides.
    """

    __tablename__ = "pull_requests"
    __table_args__ = (
        UniqueConstraint("repository_id", "number"),
        Index("pulls_by_head", "head_repository_id", "head_ref", "state"),
        {"sqlite_autoincrement": True},
    )
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"))
    number: Mapped[int]
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(ACCOUNT)
    state: Mapped[str] = mapped_column(String(8))
    base_ref: Mapped[str] = mapped_column(String(64))
    base_version: Mapped[str] = mapped_column(ID)
    head_repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"))
    head_ref: Mapped[str] = mapped_column(String(64))
    head_version: Mapped[str] = mapped_column(ID)
    merging: Mapped[dict[str, Any]] = mapped_column(default=dict)
    merge_failure: Mapped[str] = mapped_column(Text, default="")
    closer: Mapped[str] = mapped_column(ACCOUNT, default="")
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class ReviewRow(Base):
    """What somebody thinks of one version of a pull request; the last one counts."""

    __tablename__ = "pull_reviews"
    __table_args__ = ({"sqlite_autoincrement": True},)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    pull_id: Mapped[str] = mapped_column(ForeignKey("pull_requests.id"), index=True)
    author: Mapped[str] = mapped_column(ACCOUNT)
    version_id: Mapped[str] = mapped_column(ID)
    verdict: Mapped[str] = mapped_column(String(16))
    text: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]


class RemarkRow(Base):
    """Something said about a pull request, maybe with a sound that a version serves."""

    __tablename__ = "pull_remarks"
    __table_args__ = (Index("remarks_of_pull", "pull_id", "sequence"), {"sqlite_autoincrement": True})
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    pull_id: Mapped[str] = mapped_column(ForeignKey("pull_requests.id"))
    thread: Mapped[str] = mapped_column(ID)
    author: Mapped[str] = mapped_column(ACCOUNT)
    text: Mapped[str] = mapped_column(Text)
    version_id: Mapped[str] = mapped_column(ID, default="")
    digest: Mapped[str] = mapped_column(DIGEST, default="")
    size: Mapped[int] = mapped_column(default=0)
    resolved: Mapped[bool] = mapped_column(default=False)
    create_time: Mapped[datetime]


class EvaluationRow(Base):
    """How a version was judged; without `end_time` somebody has been asked to."""

    __tablename__ = "evaluations"
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    figures: Mapped[dict[str, Any]] = mapped_column(default=dict)
    tools: Mapped[dict[str, Any]] = mapped_column(default=dict)
    failure: Mapped[str] = mapped_column(Text, default="")
    create_time: Mapped[datetime]
    end_time: Mapped[datetime | None]
