"""The field `AIGC` in the tags of compressed files (Vorbis comment, ID3 TXXX), by mutagen."""

from __future__ import annotations

from typing import BinaryIO

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


def read_tag(source: BinaryIO, name: str) -> str | None:
    """The field of a file of the container ``name`` (flac, mp3 or opus), or None."""
    source.seek(0)
    if name == "mp3":
        found = ID3(source).getall(f"TXXX:{FIELD}")
        return str(found[0].text[0]) if found else None
    file = FLAC(source) if name == "flac" else OggOpus(source)
    return str(file[FIELD][0]) if FIELD in file else None
