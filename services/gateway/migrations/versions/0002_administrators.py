"""Who operates the hub."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "administrators",
        sa.Column("account", sa.String(39), sa.ForeignKey("accounts.name"), primary_key=True),
        sa.Column("proof", sa.String(64), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
    )
