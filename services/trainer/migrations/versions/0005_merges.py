"""Merges of weights that pull requests ask for."""

from alembic import op

from services.trainer.merging.tables import metadata

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
