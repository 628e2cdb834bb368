"""Branches have a tip that pushes are compared with; a repository lists the versions that it holds."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("ref", sa.String(length=64), server_default="main", nullable=False))
    with op.batch_alter_table("refs") as refs:
        refs.alter_column("version_id", existing_type=sa.String(length=32), nullable=True)
        refs.add_column(sa.Column("kind", sa.String(length=8), server_default="branch", nullable=False))
        refs.add_column(sa.Column("tip", sa.String(length=32), nullable=True))
        refs.add_column(sa.Column("protection", sa.JSON(none_as_null=True), nullable=True))
        refs.add_column(sa.Column("update_time", sa.DateTime(timezone=True), nullable=True))
        refs.add_column(sa.Column("updater", sa.String(length=64), server_default="", nullable=False))
    op.create_index("refs_by_version", "refs", ["version_id"])
    op.create_index("refs_by_tip", "refs", ["tip"])
    op.execute("UPDATE refs SET tip = version_id")
    op.execute(  # a first version that is still on its road shall find the branch that it was pushed to
        "INSERT INTO refs(repository_id, name, tip) "
        "SELECT v.repository_id, 'main', v.id FROM versions v WHERE v.sequence = "
        "(SELECT max(w.sequence) FROM versions w WHERE w.repository_id = v.repository_id AND w.state <> 'quarantined') "
        "AND NOT EXISTS (SELECT 1 FROM refs r WHERE r.repository_id = v.repository_id AND r.name = 'main')"
    )
    op.create_table(
        "repository_versions",
        sa.Column("repository_id", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pull", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["repository_id"], ["repositories.id"]),
        sa.ForeignKeyConstraint(["sequence"], ["versions.sequence"]),
        sa.PrimaryKeyConstraint("repository_id", "sequence"),
    )
    op.create_index("repositories_of_version", "repository_versions", ["sequence"])
    op.execute("INSERT INTO repository_versions(repository_id, sequence) SELECT repository_id, sequence FROM versions")
