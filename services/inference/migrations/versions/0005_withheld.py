"""Versions that a moderator took down."""

from alembic import op

from services.inference.tables import withheld

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    withheld.create(op.get_bind())


def downgrade() -> None:
    withheld.drop(op.get_bind())
