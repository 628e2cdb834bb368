"""Versions that a moderator took down."""

from alembic import op

from services.inference.tables import withheld

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    withheld.create(op.get_bind())


def downgrade() -> None:
    withheld.drop(op.get_bind())
