"""Deltas are found by the version at which they begin: they go with it."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("deltas_of_parent", "version_deltas", ["parent_id"])
