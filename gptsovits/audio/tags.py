"""The field `AIGC` in the tags of compressed files (Vorbis comment, ID3 TXXX), by mutagen."""

from __future__ import annotations

from typing import BinaryIO

from mutagen import File
from mutagen.flac import FLAC
from mutagen.id3 import ID3, TXXX
from mutagen.oggopus import OggOpus

FIELD = "AIGC"


def write_tag(target: BinaryIO, name: str, value: str) -> None:
    """Writes the field into a file, or into the first block of a stream, of the container ``name``."""
    target.seek(0)
    if name == "mp3":
        tags = ID3()
        tags.add(TXXX(encoding=3, desc=FIELD, text=[value]))
        tags.save(target)
        return
    file = FLAC(target) if name == "flac" else OggOpus(target)
    file[FIELD] = value
    target.seek(0)
    file.save(target)


def read_tag(source: BinaryIO) -> str | None:
    """The field of a flac, mp3 or opus file, or None."""
    source.seek(0)
    file = File(source)
    if file is None or file.tags is None:
        return None
    found = file.tags.get(f"TXXX:{FIELD}") or file.tags.get(FIELD)
    return str(found.text[0] if hasattr(found, "text") else found[0]) if found else None
