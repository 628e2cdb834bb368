"""Tables of watching, issues and moderation."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.store.tables import ACCOUNT, ID, Base


class WatchRow(Base):
    """An account wants to know what happens in a repository."""

    __tablename__ = "watches"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    account: Mapped[str] = mapped_column(ACCOUNT, primary_key=True)
    create_time: Mapped[datetime]


class NoticeRow(Base):
    """Something that an account is told; `key` names what happened, and is told once to each."""

    __tablename__ = "notices"
    __table_args__ = (
        UniqueConstraint("account", "key"),
        Index("notices_of_account", "account", "sequence"),
        {"sqlite_autoincrement": True},
    )
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    account: Mapped[str] = mapped_column(ACCOUNT)
    key: Mapped[str] = mapped_column(String(80))
    kind: Mapped[str] = mapped_column(String(20))
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"))
    subject: Mapped[str] = mapped_column(String(64))
    text: Mapped[str] = mapped_column(Text)
    actor: Mapped[str] = mapped_column(ACCOUNT)
    create_time: Mapped[datetime]


class NoticesReadRow(Base):
    """Up to which notice an account has read."""

    __tablename__ = "notices_read"
    account: Mapped[str] = mapped_column(ACCOUNT, primary_key=True)
    up_to: Mapped[int]


class IssueRow(Base):
    """An issue, numbered within its repository."""

    __tablename__ = "issues"
    __table_args__ = (UniqueConstraint("repository_id", "number"), {"sqlite_autoincrement": True})
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"))
    number: Mapped[int]
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(ACCOUNT)
    state: Mapped[str] = mapped_column(String(8))
    comments: Mapped[int]
    create_time: Mapped[datetime]
    close_time: Mapped[datetime | None]
    closed_by: Mapped[str] = mapped_column(ACCOUNT)


class IssueLabelRow(Base):
    """A label of an issue."""

    __tablename__ = "issue_labels"
    issue_id: Mapped[str] = mapped_column(ForeignKey("issues.id"), primary_key=True)
    label: Mapped[str] = mapped_column(String(32), primary_key=True)


class IssueCommentRow(Base):
    """A comment on an issue."""

    __tablename__ = "issue_comments"
    __table_args__ = (Index("comments_of_issue", "issue_id", "sequence"), {"sqlite_autoincrement": True})
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    issue_id: Mapped[str] = mapped_column(ForeignKey("issues.id"))
    author: Mapped[str] = mapped_column(ACCOUNT)
    text: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]


class ModeratorRow(Base):
    """An account that the operator has made a moderator."""

    __tablename__ = "moderators"
    account: Mapped[str] = mapped_column(ACCOUNT, primary_key=True)
    create_time: Mapped[datetime]


class DecisionRow(Base):
    """What a moderator decided about a report."""

    __tablename__ = "report_decisions"
    report_id: Mapped[str] = mapped_column(ForeignKey("reports.id"), primary_key=True)
    state: Mapped[str] = mapped_column(String(16))
    moderator: Mapped[str] = mapped_column(ACCOUNT)
    note: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]


class TakedownRow(Base):
    """A repository that was hidden from everybody, and what it was then; `end_time` once it is restored."""

    __tablename__ = "takedowns"
    __table_args__ = ({"sqlite_autoincrement": True},)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), index=True)
    reason: Mapped[str] = mapped_column(Text)
    evidence: Mapped[dict[str, Any]]
    create_time: Mapped[datetime]
    end_time: Mapped[datetime | None]
    appeal: Mapped[str] = mapped_column(Text)
    appeal_state: Mapped[str] = mapped_column(String(16))
    answer: Mapped[str] = mapped_column(Text)


class ModerationLogRow(Base):
    """Who did what as a moderator, or as the operator; rows are only added."""

    __tablename__ = "moderation_log"
    __table_args__ = ({"sqlite_autoincrement": True},)
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    actor: Mapped[str] = mapped_column(ACCOUNT)
    action: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(200))
    note: Mapped[str] = mapped_column(Text)
    create_time: Mapped[datetime]
