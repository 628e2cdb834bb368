"""Batches, their lines and takes."""

from alembic import op

from services.inference.tables import batch_lines, batch_takes, batches

revision = "0003"
down_revision = "0002"
TABLES = (batches, batch_lines, batch_takes)


def upgrade() -> None:
    for table in TABLES:
        table.create(op.get_bind())


def downgrade() -> None:
    for table in reversed(TABLES):
        table.drop(op.get_bind())
