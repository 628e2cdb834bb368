"""One zip of a batch: audio named by line, the manifest, subtitles with new times. The same takes, the same bytes."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from services.common.database import Database
from services.common.objects import Area, ObjectStore
from services.common.objects.port import ObjectInfo, chunks_of
from services.inference.batches import takes
from services.inference.domain.batches import Batch, Take, TakeState, file_name, folder_name, manifest_entry
from services.inference.domain.lists import subtitles

MANIFEST = "manifest.jsonl"
BLOCK = 100
"""Takes whose words are in memory."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def manifest(batch: Batch, found: Iterable[Take]) -> Iterator[bytes]:
    """The manifest of these takes: one JSON object a line."""
    for take in found:
        yield (json.dumps(manifest_entry(batch, take), ensure_ascii=False) + "\n").encode()


class Packer:
    """Makes zips in a folder and puts them into the served area."""

    def __init__(self, database: Database, objects: ObjectStore, folder: Path) -> None:
        self._database, self._objects, self._folder = database, objects, folder

    def pack(self, batch: Batch) -> ObjectInfo:
        """The zip of what is done. Nothing of the batch changes meanwhile, unless nobody wants this zip any more."""
        self._folder.mkdir(parents=True, exist_ok=True)
        done: list[Take] = []
        with tempfile.TemporaryFile(dir=self._folder) as file:
            with zipfile.ZipFile(file, "w") as archive:
                _add(archive, MANIFEST, manifest(batch, self._takes(batch, done)))
                self._add_subtitles(archive, batch, done)
                for take in done:
                    with self._objects.open(Area.SERVED, take.spoken.digest) as audio:
                        _add(archive, file_name(batch, take), chunks_of(audio))
            file.seek(0)
            return self._objects.put(Area.SERVED, chunks_of(file))

    def _takes(self, batch: Batch, done: list[Take]) -> Iterator[Take]:
        """All takes, a block at a time; into `done` those that are, without words: a book has millions of them."""
        after = takes.START
        while True:
            with self._database.read() as session:
                block = takes.page(session, batch.id, after, BLOCK)
            if not block:
                return
            for take in block:
                if take.state is TakeState.DONE:
                    done.append(replace(take, spoken=replace(take.spoken, words=(), left_out=())))
                yield take
            after = (block[-1].voice, block[-1].number)

    def _add_subtitles(self, archive: zipfile.ZipFile, batch: Batch, done: list[Take]) -> None:
        """Each subtitle begins where it did and ends with its speech."""
        if batch.list_format != "srt":
            return
        for index in range(len(batch.voices)):
            starts = [(take.line.start or 0.0, take) for take in done if take.voice == index]
            cues = [(start, start + take.spoken.seconds, take.line.text) for start, take in starts]
            _add(archive, f"{folder_name(batch, index)}.srt", [subtitles.write(cues).encode()])


def _add(archive: zipfile.ZipFile, name: str, content: Iterable[bytes]) -> None:
    """An entry that is stored as it is: audio is compressed already, and a part of a zip can be fetched again."""
    entry = zipfile.ZipInfo(name, _LONG_AGO)
    entry.external_attr = 0o644 << 16
    with archive.open(entry, "w", force_zip64=True) as target:
        for chunk in content:
            target.write(chunk)
