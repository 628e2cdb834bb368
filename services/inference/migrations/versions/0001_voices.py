"""Voices and the messaging tables."""

from alembic import op

from services.common.tables import metadata as messaging
from services.inference.tables import voices

revision = "0001"
down_revision = None


def upgrade() -> None:
    messaging.create_all(op.get_bind())
    voices.create(op.get_bind())


def downgrade() -> None:
    voices.drop(op.get_bind())
    messaging.drop_all(op.get_bind())
