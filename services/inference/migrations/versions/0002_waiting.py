"""Scans of voices that wait for a base."""

from alembic import op

from services.inference.tables import waiting

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    waiting.create(op.get_bind())


def downgrade() -> None:
    waiting.drop(op.get_bind())
