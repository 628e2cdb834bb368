"""The log of changes for the search index takes the place of the marks: each repository once, with its last change."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_changes",
        sa.Column("sequence", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("repository_id", sa.String(length=32), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("repository_id"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "INSERT INTO search_changes(repository_id, create_time) "
        "SELECT id, CURRENT_TIMESTAMP FROM repositories ORDER BY sequence"
    )
    op.drop_table("search_stale")
    op.create_table(
        "search_rebuilds",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("end_time", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voices", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
