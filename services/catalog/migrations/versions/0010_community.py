"""Watching and notices, issues, moderation; a repository can be taken down."""

import sqlalchemy as sa
from alembic import op

from services.catalog.credits.rules import only_added

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ID, ACCOUNT, TIME = sa.String(length=32), sa.String(length=64), sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("repositories", sa.Column("taken_down", sa.Boolean(), server_default=sa.false(), nullable=False))
    _watching()
    _issues()
    _moderation()


def _watching() -> None:
    op.create_table(
        "watches",
        sa.Column("repository_id", ID, sa.ForeignKey("repositories.id"), primary_key=True),
        sa.Column("account", ACCOUNT, primary_key=True),
        sa.Column("create_time", TIME, nullable=False),
    )
    op.create_table(
        "notices",
        _sequence(),
        sa.Column("account", ACCOUNT, nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("repository_id", ID, sa.ForeignKey("repositories.id"), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("actor", ACCOUNT, nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.UniqueConstraint("account", "key"),
        sqlite_autoincrement=True,
    )
    op.create_index("notices_of_account", "notices", ["account", "sequence"])
    op.create_table(
        "notices_read",
        sa.Column("account", ACCOUNT, primary_key=True),
        sa.Column("up_to", sa.Integer(), nullable=False),
    )


def _issues() -> None:
    op.create_table(
        "issues",
        _sequence(),
        sa.Column("id", ID, nullable=False, unique=True),
        sa.Column("repository_id", ID, sa.ForeignKey("repositories.id"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("author", ACCOUNT, nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("comments", sa.Integer(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("close_time", TIME, nullable=True),
        sa.Column("closed_by", ACCOUNT, nullable=False),
        sa.UniqueConstraint("repository_id", "number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "issue_labels",
        sa.Column("issue_id", ID, sa.ForeignKey("issues.id"), primary_key=True),
        sa.Column("label", sa.String(length=32), primary_key=True),
    )
    op.create_table(
        "issue_comments",
        _sequence(),
        sa.Column("id", ID, nullable=False, unique=True),
        sa.Column("issue_id", ID, sa.ForeignKey("issues.id"), nullable=False),
        sa.Column("author", ACCOUNT, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("comments_of_issue", "issue_comments", ["issue_id", "sequence"])


def _moderation() -> None:
    op.create_table(
        "moderators",
        sa.Column("account", ACCOUNT, primary_key=True),
        sa.Column("create_time", TIME, nullable=False),
    )
    op.create_table(
        "report_decisions",
        sa.Column("report_id", ID, sa.ForeignKey("reports.id"), primary_key=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("moderator", ACCOUNT, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
    )
    op.create_table(
        "takedowns",
        _sequence(),
        sa.Column("id", ID, nullable=False, unique=True),
        sa.Column("repository_id", ID, sa.ForeignKey("repositories.id"), nullable=False, index=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("end_time", TIME, nullable=True),
        sa.Column("appeal", sa.Text(), nullable=False),
        sa.Column("appeal_state", sa.String(length=16), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "moderation_log",
        _sequence(),
        sa.Column("actor", ACCOUNT, nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sqlite_autoincrement=True,
    )
    for statement in only_added(op.get_bind().dialect.name, "moderation_log"):
        op.execute(statement)


def _sequence() -> sa.Column[int]:
    return sa.Column("sequence", sa.Integer(), autoincrement=True, primary_key=True)
