"""Formats told by their first bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Signature:
    """Bytes at an offset, the format's name, and the rule that such a file breaks (None.

    It is looked into elsewhere).
    """

    start: bytes
    format: str
    rule: str | None = None
    offset: int = 0
    first: tuple[bytes, ...] = (b"",)
    """What the file must begin with, where the telling bytes come later."""

    def matches(self, view: memoryview) -> bool:
        """Whether the file carries the signature."""
        here = view[self.offset : self.offset + len(self.start)].tobytes()
        return here == self.start and view[:4].tobytes().startswith(self.first)


SIGNATURES: tuple[Signature, ...] = (
    Signature(b"\x93NUMPY", "numpy"),
    Signature(b"\x1f\x8b", "gzip"),
    Signature(b"BZh", "bzip2"),
    Signature(b"\xfd7zXZ\x00", "xz"),
    Signature(b"\x5d\x00\x00", "lzma"),
    Signature(b"7z\xbc\xaf\x27\x1c", "7z", "closed-archive"),
    Signature(b"Rar!\x1a\x07", "rar", "closed-archive"),
    Signature(b"\x28\xb5\x2f\xfd", "zstd", "closed-archive"),
    Signature(b"\x04\x22\x4d\x18", "lz4", "closed-archive"),
    Signature(b"MSCF", "cab", "closed-archive"),
    Signature(b"\x60\xea", "arj", "closed-archive"),
    Signature(b"!<arch>\n", "ar", "closed-archive"),
    Signature(b"ustar", "tar", None, 257),
    Signature(b"ptrt", "tensorrt", "engine"),
    Signature(b"ftrt", "tensorrt", "engine"),
    Signature(b"trtp", "tensorrt", "engine"),
    Signature(b"\x7fELF", "elf", "executable"),
    Signature(b"MZ", "windows-program", "executable"),
    Signature(b"\xcf\xfa\xed\xfe", "mach-o", "executable"),
    Signature(b"\xca\xfe\xba\xbe", "java-class", "executable"),
    Signature(b"\x00asm", "webassembly", "executable"),
    Signature(b"#!", "script", "executable"),
    Signature(b"\x89HDF\r\n\x1a\n", "hdf5", "unknown-format"),
    Signature(b"version https://git-lfs", "lfs-pointer", "pointer"),
    Signature(b"/annex/objects/", "annex-pointer", "pointer"),
    Signature(b"fLaC", "flac"),
    Signature(b"OggS", "ogg"),
    Signature(b"ID3", "mp3"),
    Signature(b"WAVE", "wav", None, 8, (b"RIFF", b"RF64")),
    Signature(b"ftyp", "m4a", None, 4, (b"\x00\x00",)),
    Signature(b"GGUF", "gguf", "unknown-format"),
    Signature(b"TFL3", "tflite", "unknown-format", 4),
)

AUDIO = frozenset({"flac", "ogg", "mp3", "wav", "m4a"})
COMPRESSED = frozenset({"gzip", "bzip2", "xz", "lzma", "zlib"})


def signature_of(view: memoryview) -> Signature | None:
    """The signature that the file carries, if it is a known one."""
    found = next((one for one in SIGNATURES if one.matches(view)), None)
    if found is None and len(view) > 2 and view[0] == 0x78 and int.from_bytes(view[:2], "big") % 31 == 0:
        return Signature(b"\x78", "zlib")
    return found
