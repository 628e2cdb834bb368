"""Datasets: pinned on the hub, read page by page, written as Parquet files that are the same every time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from voicehub.decoding import decode, encode
from voicehub.transport import Transport

PAGE = 500
PATIENCE = 200.0
"""Seconds that the hub may take to look through all its voices."""
VOICES, OBJECTS, ABOUT = "voices.parquet", "objects.parquet", "dataset.json"
OnRecords = Callable[[int, int], None]


@dataclass(frozen=True)
class Dataset:
    """A query as it was pinned; `digest` over the pinned versions."""

    id: str
    query: str = ""
    private: bool = False
    records: int = 0
    digest: str = ""
    create_time: datetime | None = None


@dataclass(frozen=True)
class Exported:
    """The files of a dataset, how many voices they have, and how many may not be read any more."""

    dataset: Dataset
    folder: Path
    voices: int
    objects: int
    withheld: int


class Datasets:
    """Datasets of the user on one hub: `Client().datasets`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def pin(self, query: str, *, private: bool = False) -> Dataset:
        """Pins what answers the query now."""
        body = {"query": query, "private": private}
        return decode(Dataset, self._transport.json("POST", "/v1/datasets", body=body, seconds=PATIENCE))

    def get(self, dataset: str) -> Dataset:
        """A dataset of the user; NotFound for any other."""
        return decode(Dataset, self._transport.json("GET", f"/v1/datasets/{dataset}"))

    def pages(self, dataset: str, *, tensors: bool = False) -> Iterator[tuple[list[Mapping[str, Any]], int]]:
        """Records as the hub tells them, and how many of the page are withheld."""
        cursor = ""
        while True:
            params = {"cursor": cursor, "size": PAGE, "tensors": "true" if tensors else "false"}
            page = self._transport.json("GET", f"/v1/datasets/{dataset}/records", params=params, seconds=PATIENCE)
            yield list(page["items"]), int(page["withheld"])
            cursor = str(page["next_cursor"])
            if not cursor:
                return

    def export(
        self, dataset: Dataset, folder: Path, *, tensors: bool = False, on_records: OnRecords = lambda *_: None
    ) -> Exported:
        """Writes `voices.parquet`, `objects.parquet` and `dataset.json`; the same dataset, the same bytes.

        Raises:
            Missing: pyarrow is not installed.
        """
        from gptsovits.whole import write_whole
        from voicehub.parquet import write

        records: list[Mapping[str, Any]] = []
        withheld = 0
        for page, hidden in self.pages(dataset.id, tensors=tensors):
            records += page
            withheld += hidden
            on_records(len(records), dataset.records)
        folder.mkdir(parents=True, exist_ok=True)
        made = write(records, folder / VOICES, folder / OBJECTS)
        about = {
            **encode(dataset),
            "voices": len(records),
            "withheld": withheld,
            "written_by": made.tool,
            "sha256": {name: _sha256(folder / name) for name in (VOICES, OBJECTS)},
        }
        write_whole(folder / ABOUT, json.dumps(about, ensure_ascii=False, indent=1) + "\n")
        return Exported(dataset, folder, len(records), made.objects, withheld)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
