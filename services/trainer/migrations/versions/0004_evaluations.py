"""Evaluations of versions."""

from alembic import op

from services.trainer.evaluation.tables import metadata

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
