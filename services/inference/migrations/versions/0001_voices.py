"""Voices and the messaging tables."""

from alembic import op

from services.common.tables import metadata as messaging
from services.inference.tables import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    messaging.create_all(op.get_bind())
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
    messaging.drop_all(op.get_bind())
