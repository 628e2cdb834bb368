"""Tables of datasets. Rows are written once."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.store.tables import ACCOUNT, DIGEST, ID, Base


class DatasetRow(Base):
    """A pinned query of an account; `position` in the log of changes, `digest` over the pinned versions."""

    __tablename__ = "datasets"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    account: Mapped[str] = mapped_column(ACCOUNT)
    query: Mapped[str] = mapped_column(Text)
    private: Mapped[bool]
    records: Mapped[int]
    position: Mapped[int]
    digest: Mapped[str] = mapped_column(DIGEST)
    create_time: Mapped[datetime]


class DatasetRecordRow(Base):
    """A pinned version with the counters of that moment."""

    __tablename__ = "dataset_records"
    dataset_id: Mapped[str] = mapped_column(ForeignKey("datasets.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    repository_id: Mapped[str] = mapped_column(ID)
    version_id: Mapped[str] = mapped_column(ID)
    owner: Mapped[str] = mapped_column(ACCOUNT)
    name: Mapped[str] = mapped_column(String(64))
    stars: Mapped[int]
    downloads: Mapped[int]
