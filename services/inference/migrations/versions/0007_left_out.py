"""Words of a take that the language has no sounds for."""

import sqlalchemy as sa
from alembic import op

from services.inference.tables import batch_takes

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(batch_takes.name)}
    if "left_out" not in present:  # a new database has it already: 0003 makes the table as it is now
        op.add_column(batch_takes.name, sa.Column("left_out", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column(batch_takes.name, "left_out")
