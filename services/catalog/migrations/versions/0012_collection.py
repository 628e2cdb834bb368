"""What nobody holds any more is let go of, and its objects are removed by and by."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("versions", sa.Column("free_time", sa.DateTime(timezone=True), nullable=True))
    op.create_index("tensors_of_object", "version_tensors", ["digest"])
    op.create_index("files_of_object", "version_files", ["digest"])
    op.create_index("deltas_of_object", "version_deltas", ["digest"])
    uploads = op.create_table(
        "version_uploads",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("version_id", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"]),
        sa.PrimaryKeyConstraint("digest", "version_id"),
    )
    versions = sa.table("versions", sa.column("id", sa.String), sa.column("uploads", sa.JSON))
    for version, files in op.get_bind().execute(sa.select(versions.c.id, versions.c.uploads)).all():
        digests = sorted({file["digest"] for file in files})
        if digests:
            op.bulk_insert(uploads, [{"digest": digest, "version_id": version} for digest in digests])
    op.create_table(
        "freed_objects",
        sa.Column("area", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("create_time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("area", "digest"),
    )
