"""Zip archives with every field under control, and the honest checkpoints they start from."""

from __future__ import annotations

import functools
import io
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

GOLDEN = Path(__file__).resolve().parents[2] / "data" / "golden" / "checkpoints"
S1, S2 = "tiny-e15.ckpt", "tiny_v2_e8_s128.pth"
HEADS = ("PK", "00", "01", "02", "03", "04", "05", "06")


@dataclass(frozen=True)
class Member:
    """A zip member. What the local header says may differ from what the directory says."""

    name: str
    data: bytes
    flags: int = 0
    method: int = 0
    crc: int | None = None
    size: int | None = None
    local_name: str | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_size: int | None = None
    attributes: int = 0
    listed: bool = True

    @property
    def packed(self) -> bytes:
        """The bytes as stored."""
        if self.method != 8:
            return self.data
        stream = zlib.compressobj(9, zlib.DEFLATED, -15)
        return stream.compress(self.data) + stream.flush()

    @property
    def checksum(self) -> int:
        """The checksum that both headers state."""
        return zlib.crc32(self.data) if self.crc is None else self.crc


def archive(
    members: Iterable[Member], head: str = "PK", gap: bytes = b"", comment: bytes = b"", count: int | None = None
) -> bytes:
    """A zip archive; ``gap`` goes in front of the directory, ``count`` lies about the number of members."""
    body, directory, listed = bytearray(), bytearray(), 0
    for member in members:
        if member.listed:
            directory += _record(member, len(body))
            listed += 1
        body += _local(member)
    body += gap
    number = (listed if count is None else count) & 0xFFFF
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, number, number, len(directory), len(body), len(comment))
    return with_head(bytes(body + directory + end + comment), head)


def with_head(content: bytes, head: str) -> bytes:
    """The first two bytes replaced by a version head."""
    return head.encode() + content[2:]


def _local(member: Member) -> bytes:
    name = (member.name if member.local_name is None else member.local_name).encode("utf-8", "surrogatepass")
    flags = member.flags if member.local_flags is None else member.local_flags
    method = member.method if member.local_method is None else member.local_method
    size = len(member.data) if member.local_size is None else member.local_size
    fields = (
        b"PK\x03\x04",
        20,
        flags,
        method,
        0,
        0,
        member.checksum,
        len(member.packed),
        size & 0xFFFFFFFF,
        len(name),
        0,
    )
    return struct.pack("<4s5H3I2H", *fields) + name + member.packed


def _record(member: Member, offset: int) -> bytes:
    name = member.name.encode("utf-8", "surrogatepass")
    size = len(member.data) if member.size is None else member.size
    fields = (b"PK\x01\x02", 20, 20, member.flags, member.method, 0, 0, member.checksum, len(member.packed), size)
    more = (len(name), 0, 0, 0, 0, member.attributes, offset)
    return struct.pack("<4s6H3I", *fields) + struct.pack("<5H2I", *more) + name


@functools.cache
def golden(file: str = S1) -> bytes:
    """The bytes of a recorded checkpoint, its head made ``PK``."""
    return with_head((GOLDEN / file).read_bytes(), "PK")


@functools.cache
def honest(file: str = S1) -> tuple[Member, ...]:
    """The members of a recorded checkpoint."""
    with zipfile.ZipFile(io.BytesIO(golden(file))) as source:
        return tuple(Member(info.filename, source.read(info)) for info in source.infolist())


def data_pickle(file: str = S1) -> bytes:
    """The honest pickle of a recorded checkpoint."""
    return next(member.data for member in honest(file) if member.name.endswith("/data.pkl"))


def root(file: str = S1) -> str:
    """The folder inside the archive, with its slash."""
    return honest(file)[0].name.split("/")[0] + "/"


def changed(name: str, file: str = S1, **fields: object) -> list[Member]:
    """The honest members with fields of one (named below the root folder) changed."""
    target = root(file) + name
    return [replace(one, **fields) if one.name == target else one for one in honest(file)]  # type: ignore[arg-type]


def hostile(pickle: bytes, file: str = S1, head: str = "PK") -> bytes:
    """A checkpoint whose storages are honest and whose pickle is not."""
    return archive(changed("data.pkl", file, data=pickle), head)
