"""Who else made the same bytes, asked when a batch is deleted."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
# A new database has them already: 0003 makes the tables as they are now.


def upgrade() -> None:
    op.create_index("batch_takes_digest", "batch_takes", ["digest"], if_not_exists=True)
    op.create_index("batches_zip", "batches", ["zip_digest"], if_not_exists=True)
