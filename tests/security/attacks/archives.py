"""Families that attack the container: zip fields, nesting, wrappings, legacy torch formats, hidden places."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from tests.security.attacks.assembler import before, call, proto, whole
from tests.security.attacks.case import Case, Payload
from tests.security.attacks.containers import (
    Member,
    archive,
    changed,
    data_pickle,
    golden,
    honest,
    hostile,
    root,
    with_head,
)

_MAGIC = 0x1950A86A20F9469CFC6C


def _attack(payload: Payload, version: int = 2) -> bytes:
    return whole(call("os", "system", payload.command), version)


def _twin(payload: Payload, head: str = "PK") -> bytes:
    return hostile(before(data_pickle(), call("os", "system", payload.command)), head=head)


def zip_fields(payload: Payload) -> Iterator[Case]:
    """Headers that disagree, lie or forgive."""
    attack = before(data_pickle(), call("os", "system", payload.command))
    hidden = Member(root() + "data.pkl", attack, listed=False)
    variants: dict[str, bytes] = {
        f"flag-{flag:#x}-local": archive(changed("data.pkl", data=attack, local_flags=flag))
        for flag in (0x1, 0x20, 0x40, 0x2000)
    }
    for flag in (0x1, 0x20, 0x40, 0x2000):
        variants[f"flag-{flag:#x}-both"] = archive(changed("data.pkl", data=attack, flags=flag))
    variants |= {
        "crc-of-pickle": archive(changed("data.pkl", data=attack, crc=1)),
        "crc-of-honest-pickle": archive(changed("data.pkl", crc=1)),
        "crc-of-storage": archive(changed("data/0", crc=0xDEADBEEF)),
        "local-name": archive(changed("data.pkl", data=attack, local_name=root() + "data/999999")),
        "directory-name": archive(changed("data.pkl", data=attack, local_name="README.md")),
        "local-method": archive(changed("data.pkl", data=attack, local_method=8)),
        "unknown-method": archive(changed("data.pkl", data=attack, method=99)),
        "local-size": archive(changed("data.pkl", data=attack, local_size=1)),
        "huge-size": archive(changed("data.pkl", data=attack, size=0xFFFFFFFE)),
        "stored-with-two-sizes": archive(changed("data/0", size=1 << 31)),
        "unlisted-member": archive([hidden, *honest()]),
        "bytes-before-directory": archive(honest(), gap=_attack(payload)),
        "count-too-small": archive(honest(), count=3),
        "count-too-large": archive(honest(), count=60_000),
        "comment": archive(honest(), comment=_attack(payload)),
        "cut": golden()[: len(golden()) // 2],
        "cut-directory": golden()[:-30],
        "no-directory": golden()[:-22],
        "two-ends": golden() + archive(changed("data.pkl", data=attack))[-22:],
    }
    for name, content in variants.items():
        yield Case("zip-fields", name, "voice.pth", content)


def two_ends(payload: Payload) -> Iterator[Case]:
    """64-bit ends that a reader who trusts the locator sees differently from one who looks right before it."""
    shown, hidden = archive(honest()), archive([Member(root() + "data.pkl", _attack(payload))])
    end, hidden_end = shown.rindex(b"PK\x05\x06"), hidden.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack("<H2I", shown[end + 10 : end + 20])
    hidden_count, hidden_size, hidden_offset = struct.unpack("<H2I", hidden[hidden_end + 10 : hidden_end + 20])
    front = shown[:end] + _large_end(count, size, offset)
    second = bytearray(hidden[:hidden_end])
    struct.pack_into("<I", second, hidden_offset + 42, len(front))
    second += _large_end(hidden_count, hidden_size, len(front) + hidden_offset)
    ends = {
        "second-archive-behind-end": front + second,
        "bytes-behind-end": front + bytes(8),
        "long-end": shown[:end] + _large_end(count, size, offset, length=52) + bytes(8),
        "short-length": shown[:end] + _large_end(count, size, offset, length=36),
        "another-disk": shown[:end] + _large_end(count, size, offset, disk=1),
        "fewer-here": shown[:end] + _large_end(count, size, offset, here=1),
    }
    small = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    for name, body in ends.items():
        locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
        yield Case("two-ends", name, "voice.pth", body + locator + small)
    for name, disks in {"locator-on-another-disk": (1, 1), "locator-of-two-disks": (0, 2)}.items():
        locator = struct.pack("<4sIQI", b"PK\x06\x07", disks[0], end, disks[1])
        yield Case("two-ends", name, "voice.pth", front + locator + small)


def _large_end(
    count: int, size: int, offset: int, length: int = 44, disk: int = 0, here: int | None = None
) -> bytes:
    here = count if here is None else here
    return struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", length, 45, 45, disk, disk, here, count, size, offset)


def zip_names(payload: Payload) -> Iterator[Case]:
    """Members that do not belong, or come twice."""
    pickle_name, attack = root() + "data.pkl", before(data_pickle(), call("os", "system", payload.command))
    added = {
        "traversal": "../../evil.pkl",
        "absolute": "/etc/cron.d/evil",
        "backslash": root() + "..\\evil.pkl",
        "drive": "C:evil.pkl",
        "right-to-left": root() + "gnp\u202eatad.pkl",
        "newline": root() + "data\n.pkl",
        "empty": "",
        "zero-byte": root() + "data.pkl\x00.txt",
        "surrogate-free-emoji": root() + "data/\U0001f600",
        "case-twin": root() + "DATA.PKL",
        "long": root() + "a" * 5000,
        "text": root() + "DATA.txt",
        "script": root() + "setup.py",
        "second-root": "other/data.pkl",
    }
    for name, entry in added.items():
        content = archive([*honest(), Member(entry, _attack(payload))])
        yield Case("zip-names", name, "voice.pth", content)
    first, second = Member(pickle_name, attack), Member(pickle_name, data_pickle())
    rest = [member for member in honest() if member.name != pickle_name]
    yield Case("zip-names", "twice-hostile-first", "voice.pth", archive([first, second, *rest]))
    yield Case("zip-names", "twice-hostile-last", "voice.pth", archive([second, *rest, first]))
    storage = Member("data/0", next(member.data for member in honest() if member.name == root() + "data/0"))
    infinite = changed("data/0", data=b"\x00\x7c" * (len(storage.data) // 2))
    yield Case("zip-names", "storage-outside-root", "voice.pth", archive([storage, *infinite]))
    yield Case("zip-names", "version-outside-root", "voice.pth", archive([*honest(), Member("version", b"3\n")]))
    link = Member(root() + "data/link", b"/etc/passwd", attributes=0xA1FF0000)
    yield Case("zip-names", "symbolic-link", "voice.pth", archive([*honest(), link]))


def hidden_places(payload: Payload) -> Iterator[Case]:
    """Pickles where only numbers or short texts belong."""
    attack = _attack(payload)
    for name in ("version", ".format_version", ".storage_alignment", ".data/serialization_id"):
        yield Case("hidden-places", name, "voice.pth", archive(changed(name, data=attack)), "malicious")
    storage = next(member for member in honest() if member.name == root() + "data/0")
    for version in range(6):
        body = whole(call("os", "system", payload.command), version)
        data = (body + storage.data)[: max(len(storage.data), len(body))]
        content = archive(changed("data/0", data=data))
        yield Case("hidden-places", f"storage-protocol-{version}", "voice.pth", content, "malicious")
    spare = [*honest(), Member(root() + "data/99999", attack)]
    yield Case("hidden-places", "unused-storage", "voice.pth", archive(spare), "malicious")
    yield Case(
        "hidden-places",
        "unused-numbers",
        "voice.pth",
        archive([*honest(), Member(root() + "data/99999", b"\x00" * 64)]),
    )
    program = [*honest(), Member(root() + "code/__torch__.py", b"def forward(self): pass")]
    yield Case("hidden-places", "torchscript-code", "voice.pth", archive(program), "malicious")
    constants = [*honest(), Member(root() + "constants.pkl", attack)]
    yield Case("hidden-places", "torchscript-constants", "voice.pth", archive(constants), "malicious")
    exported = [
        Member("m/models/model.json", b"{}"),
        Member("m/archive_format", b"pt2"),
        Member("m/data/weights/w.pt", _twin(payload)),
    ]
    yield Case("hidden-places", "exported-program", "voice.pt2", archive(exported), "malicious")


def storages(payload: Payload) -> Iterator[Case]:
    """Bytes that do not match what the pickle declares."""
    first = next(member for member in honest() if member.name == root() + "data/0")
    yield Case("storages", "too-short", "voice.pth", archive(changed("data/0", data=first.data[:-2])))
    yield Case("storages", "too-long", "voice.pth", archive(changed("data/0", data=first.data + b"\x00\x00")))
    yield Case("storages", "empty", "voice.pth", archive(changed("data/0", data=b"")))
    without = [member for member in honest() if member.name != root() + "data/0"]
    yield Case("storages", "missing", "voice.pth", archive(without))
    renamed = [replace(member, name=root() + "data/00") if member is first else member for member in honest()]
    yield Case("storages", "odd-number", "voice.pth", archive(renamed))
    bomb = changed("data/0", data=b"\x00" * (64 << 20), method=8)
    yield Case("storages", "deflate-bomb", "voice.pth", archive(bomb))
    mismatch = changed("data/0", data=first.data, method=8, size=len(first.data) * 4)
    yield Case("storages", "deflate-size-lie", "voice.pth", archive(mismatch))
    yield Case("storages", "big-endian", "voice.pth", archive([*honest(), Member(root() + "byteorder", b"big")]))
    many = archive([*honest(), *(Member(f"{root()}x/{index}", b"") for index in range(21_000))])
    yield Case("storages", "million-members", "voice.pth", many)


def wrappings(payload: Payload) -> Iterator[Case]:
    """A hostile model inside other formats, several deep."""
    twin, bare = _twin(payload), _attack(payload)
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "bzip2": bz2.compress,
        "xz": lzma.compress,
        "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
        "zlib": zlib.compress,
        "tar": lambda data: _tar({"voice.pth": data}),
        "zip": lambda data: archive([Member("inner.pt", data)]),
    }
    for name, pack in packers.items():
        yield Case("wrappings", f"{name}-of-model", "voice.pth", pack(twin), "malicious")
        yield Case("wrappings", f"{name}-of-pickle", "voice.pth", pack(bare), "malicious")
        yield Case("wrappings", f"gzip-of-{name}", "voice.pth", gzip.compress(pack(bare)), "malicious")
        yield Case("wrappings", f"zip-of-{name}", "voice.zip", archive([Member("a", pack(bare))]), "malicious")
    deep = bare
    for _ in range(30):
        deep = gzip.compress(deep)
    yield Case("wrappings", "thirty-deep", "voice.pth", deep)
    yield Case("wrappings", "gzip-members", "voice.pth", gzip.compress(b"") + gzip.compress(bare), "malicious")
    yield Case("wrappings", "gzip-cut", "voice.pth", gzip.compress(twin)[:-100])
    yield Case("wrappings", "gzip-bomb", "voice.pth", gzip.compress(b"\x00" * (40 << 20)))
    yield Case("wrappings", "xz-bomb", "voice.pth", lzma.compress(b"\x00" * (40 << 20)))
    yield Case("wrappings", "7z", "voice.pth", b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(24) + lzma.compress(bare))
    yield Case("wrappings", "rar", "voice.pth", b"Rar!\x1a\x07\x01\x00" + bare)
    yield Case("wrappings", "zstd", "voice.pth", b"\x28\xb5\x2f\xfd" + bare)
    yield Case("wrappings", "lz4", "voice.pth", b"\x04\x22\x4d\x18" + bare)
    yield Case("wrappings", "npz", "voice.npz", archive([Member("a.npy", b"\x93NUMPY\x01\x00" + bare)]))
    yield Case(
        "wrappings",
        "model-in-model",
        "voice.pth",
        archive([*honest(), Member(root() + "data/inner.pt", twin)]),
        "malicious",
    )


def siblings(payload: Payload) -> Iterator[Case]:
    """Archives side by side, each within bounds, that together unfold to hundreds of megabytes."""
    leaf = archive(Member(f"{number:03}.txt", b"a" * 32_000, method=8) for number in range(250))
    for count in (2, 60):
        members = [Member(f"{number:03}.txt", leaf, method=8) for number in range(count)]
        yield Case("siblings", f"zips-{count}", "voice.zip", archive(members), "malicious")
    text = gzip.compress(b"a" * (5 << 20))
    yield Case("siblings", "streams", "voice.tar", _tar({f"{number}.gz": text for number in range(100)}), "malicious")
    packed = bz2.compress(b"a" * (7 << 20))
    broken = {f"{number}.bz2": packed[:-4] + b"\x00\x00\x00\x00" for number in range(200)}
    yield Case("siblings", "broken-streams", "voice.tar", _tar(broken))


def junk(payload: Payload) -> Iterator[Case]:
    """Something in front of the archive, or behind it."""
    twin = _twin(payload)
    fronts = {
        "one-byte": b"\x00",
        "wav": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100),
        "flac": b"fLaC" + bytes(100),
        "png": b"\x89PNG\r\n\x1a\n" + bytes(64),
        "shell": b"#!/bin/sh\nexit 0\n",
        "safetensors": struct.pack("<Q", 16) + b'{"__metadata__":{}}'[:2] + b" " * 14,
        "json": b'{"model": 1}\n',
        "honest-model": golden()[:-22],
    }
    for name, front in fronts.items():
        yield Case("junk", f"before-{name}", "voice.pth", front + twin)
    for name, tail in {"pickle": _attack(payload), "zeros": bytes(64), "model": twin}.items():
        yield Case("junk", f"behind-{name}", "voice.pth", golden() + tail)


def legacy(payload: Payload) -> Iterator[Case]:
    """The formats of torch before 1.6."""
    header = [pickle.dumps(value, 2) for value in (_MAGIC, 1001, {"protocol_version": 1001, "little_endian": True})]
    empty, keys = pickle.dumps({}, 2), pickle.dumps([], 2)
    attack = _attack(payload)
    for position in range(5):
        parts = [*header, empty, keys]
        parts[position] = attack
        yield Case("legacy", f"pickle-{position}", "voice.pth", b"".join(parts), "malicious")
    yield Case("legacy", "behind-magic", "voice.pth", header[0] + attack, "malicious")
    yield Case("legacy", "trailing", "voice.pth", b"".join([*header, empty, keys]) + attack)
    yield Case(
        "legacy", "storages-beyond-end", "voice.pth", b"".join([*header, empty, pickle.dumps(["0"], 2)]) + b"\xff" * 8
    )
    big = pickle.dumps({"protocol_version": 1001, "little_endian": False}, 2)
    yield Case("legacy", "big-endian", "voice.pth", b"".join([*header[:2], big, empty, keys]))
    for name in ("pickle", "storages", "tensors", "sys_info"):
        members = dict.fromkeys(("sys_info", "storages", "tensors", "pickle"), pickle.dumps({}, 2)) | {name: attack}
        yield Case("legacy", f"tar-{name}", "voice.pth", _tar(members), "malicious")
    yield Case("legacy", "tar-link", "voice.pth", _tar_link())
    yield Case("legacy", "tar-traversal", "voice.pth", _tar({"../../pickle": b"x"}))
    yield Case(
        "legacy",
        "nemo",
        "voice.nemo",
        _tar({"model_config.yaml": b"a: 1", "model_weights.ckpt": _twin(payload)}),
        "malicious",
    )
    yield Case("legacy", "old-head-on-pickle", "voice.pth", with_head(proto() + attack, "03"))


def _tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as target:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _tar_link() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as target:
        info = tarfile.TarInfo("pickle")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
        target.addfile(info)
    return buffer.getvalue()


def everything(payload: Payload) -> Iterable[Case]:
    """All families of this module."""
    for family in (zip_fields, two_ends, zip_names, hidden_places, storages, wrappings, siblings, junk, legacy):
        yield from family(payload)
