"""Names of erased accounts stay unused."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "erased_names",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("erase_time", sa.DateTime(timezone=True), nullable=False),
    )
