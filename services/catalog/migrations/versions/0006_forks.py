"""Forks know their upstream and their family; versions keep the declarations that bound them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("upstream_id", "family_id"):
        op.add_column("repositories", sa.Column(column, sa.String(length=32), nullable=True))
        op.create_index(f"ix_repositories_{column}", "repositories", [column])
    op.add_column("versions", sa.Column("bounds", sa.JSON(), server_default="[]", nullable=False))
