"""What a batch with an idempotency key was asked as, so that the key is not taken for another batch."""

import sqlalchemy as sa
from alembic import op

from services.inference.tables import batches

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    present = {column["name"] for column in sa.inspect(op.get_bind()).get_columns(batches.name)}
    if "plan_hash" not in present:  # a new database has it already: 0003 makes the table as it is now
        op.add_column(batches.name, sa.Column("plan_hash", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    op.drop_column(batches.name, "plan_hash")
