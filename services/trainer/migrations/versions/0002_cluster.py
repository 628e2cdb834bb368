"""What is remembered of jobs in a cluster."""

from alembic import op

from services.trainer.tables import cluster_work

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    cluster_work.create(op.get_bind())


def downgrade() -> None:
    cluster_work.drop(op.get_bind())
