"""What a training in a cluster has put into the object store, so that it goes when nobody needs it."""

from alembic import op

from services.trainer.tables import stored

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    stored.create_all(op.get_bind())


def downgrade() -> None:
    stored.drop_all(op.get_bind())
