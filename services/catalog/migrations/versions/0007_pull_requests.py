"""Pull requests, reviews, remarks, evaluations."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def _text(name: str, length: int | None = None) -> sa.Column[str]:
    return sa.Column(name, sa.String(length=length) if length else sa.Text(), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _sequence() -> sa.Column[int]:
    return sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False)


def upgrade() -> None:
    op.create_table(
        "pull_requests",
        _sequence(),
        _text("id", 32),
        _text("repository_id", 32),
        sa.Column("number", sa.Integer(), nullable=False),
        _text("title"),
        _text("body"),
        _text("author", 64),
        _text("state", 8),
        _text("base_ref", 64),
        _text("base_version", 32),
        _text("head_repository_id", 32),
        _text("head_ref", 64),
        _text("head_version", 32),
        sa.Column("merging", sa.JSON(), nullable=False),
        _text("merge_failure"),
        _text("closer", 64),
        _time("create_time"),
        _time("update_time"),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"]),
        sa.ForeignKeyConstraint(["head_repository_id"], ["repositories.id"]),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("repository_id", "number"),
        sqlite_autoincrement=True,
    )
    op.create_index("pulls_by_head", "pull_requests", ["head_repository_id", "head_ref", "state"])
    op.create_table(
        "pull_reviews",
        _sequence(),
        _text("pull_id", 32),
        _text("author", 64),
        _text("version_id", 32),
        _text("verdict", 16),
        _text("text"),
        _time("create_time"),
        sa.ForeignKeyConstraint(["pull_id"], ["pull_requests.id"]),
        sa.PrimaryKeyConstraint("sequence"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_pull_reviews_pull_id", "pull_reviews", ["pull_id"])
    op.create_table(
        "pull_remarks",
        _sequence(),
        _text("id", 32),
        _text("pull_id", 32),
        _text("thread", 32),
        _text("author", 64),
        _text("text"),
        _text("version_id", 32),
        _text("digest", 64),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("resolved", sa.Boolean(), nullable=False),
        _time("create_time"),
        sa.ForeignKeyConstraint(["pull_id"], ["pull_requests.id"]),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("remarks_of_pull", "pull_remarks", ["pull_id", "sequence"])
    op.create_table(
        "evaluations",
        _text("version_id", 32),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("tools", sa.JSON(), nullable=False),
        _text("failure"),
        _time("create_time"),
        _time("end_time", nullable=True),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"]),
        sa.PrimaryKeyConstraint("version_id"),
    )
