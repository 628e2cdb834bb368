"""The zip of a large batch."""

from __future__ import annotations

import json
import tracemalloc
import zipfile
from dataclasses import replace
from pathlib import Path

from services.common.clock import now
from services.common.database import Database
from services.common.migrations import upgrade
from services.common.objects import Area, open_store
from services.inference.batches import store, takes
from services.inference.batches.packing import Packer
from services.inference.domain.batches import Batch, Chosen, Manner, Spoken, State, takes_of
from services.inference.domain.lists.line import Line
from services.inference.tests.speaking import MIGRATIONS

TAKES, WORDS = 500, 200
MOST_BYTES = 10 << 20
"""A block of takes with their words, and all without; with them it would be twice as much."""


def test_the_words_of_a_whole_book_are_never_in_memory_at_once(tmp_path: Path) -> None:
    database, objects = Database(f"sqlite:///{tmp_path}/inference.sqlite"), open_store(f"file://{tmp_path}/objects")
    upgrade(database, MIGRATIONS)
    kept = objects.put(Area.SERVED, [b"sound"])
    lines = [Line(str(number), "word", start=float(number), end=number + 0.5) for number in range(TAKES)]
    batch = Batch("b", "ann", State.RUNNING, (Chosen("ann/x", "v"),), Manner(), "srt", TAKES, now())
    planned = takes_of(batch.voices, lines)
    with database.write() as session:
        store.add(session, batch, lines)
        takes.add(session, batch, planned)
        for take in planned:
            words = [(f"w{number}", number / 3, number / 3 + 0.3) for number in range(WORDS)]
            takes.finish(session, batch.id, take, Spoken(kept.digest, kept.size, 1.0, words))
    del lines, planned
    tracemalloc.start()
    try:
        packed = Packer(database, objects, tmp_path / "packing").pack(replace(batch, state=State.PACKING))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    with objects.open(Area.SERVED, packed.digest) as file, zipfile.ZipFile(file) as archive:
        assert len(archive.namelist()) == TAKES + 2
        told = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        assert archive.read("ann--x.srt").count(b"-->") == TAKES
        assert {archive.read(one["file"]) for one in told[:3]} == {b"sound"}
    assert [len(one["words"]) for one in told] == [WORDS] * TAKES
    assert peak < MOST_BYTES
