"""The table of deltas."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.store.tables import DIGEST, ID, Base


class DeltaRow(Base):
    """A changed tensor of a version as a delta from its parent: the served object `digest`."""

    __tablename__ = "version_deltas"
    __table_args__ = (
        Index("deltas_by_digest", "version_id", "digest"),
        Index("deltas_of_object", "digest"),
        Index("deltas_of_parent", "parent_id"),
    )
    version_id: Mapped[str] = mapped_column(ForeignKey("versions.id"), primary_key=True)
    result: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    parent_id: Mapped[str] = mapped_column(ID)
    base: Mapped[str] = mapped_column(DIGEST)
    digest: Mapped[str] = mapped_column(DIGEST)
    size: Mapped[int] = mapped_column(BigInteger)
