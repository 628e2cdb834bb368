"""Families made by reading the scanner's own code: what it allows, misused; what it looks into, bypassed."""

from __future__ import annotations

import gzip
import io
import pickle
import pickletools
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from tests.security.attacks.assembler import MARK, before, call, named, text, values, whole
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


def _twin(payload: Payload) -> bytes:
    return hostile(before(data_pickle(), call("os", "system", payload.command)))


def numpy_values(payload: Payload) -> Iterator[Case]:
    """numpy's pickle forms are read for plain numbers; everything else they can say is not."""
    state = values(3, "<", None, None, None, -1, -1, 0)
    double = call("numpy", "dtype", "f8", False, True) + state + b"b"
    empty = call("numpy._core.multiarray", "_reconstruct", named("numpy", "ndarray"), (0,), b"C\x01b")
    fields = b"}" + text("x") + values(call("numpy", "dtype", "O8", False, True), 0) + b"s"
    attacks = {
        "object-type": call("numpy", "dtype", "O8", False, True),
        "void-type": call("numpy", "dtype", "V8", False, True),
        "type-by-name": call("numpy", "dtype", payload.python, False, True),
        "type-from-class": call("numpy", "dtype", named("os", "system"), False, True),
        "type-state-with-fields": call("numpy", "dtype", "f8", False, True)
        + values(3, "<", b"N", values("x"), fields, 8, 1, 0)
        + b"b",
        "type-state-twice": double + state + b"b",
        "type-state-dict": call("numpy", "dtype", "f8", False, True) + b"}" + text("a") + text("b") + b"sb",
        "scalar-of-objects": call(
            "numpy.core.multiarray", "scalar", call("numpy", "dtype", "O8", False, True), b"C\x01x"
        ),
        "scalar-of-pickle": call("numpy.core.multiarray", "scalar", double, call("os", "system", payload.command)),
        "scalar-size": call("numpy.core.multiarray", "scalar", double, b"C\x03abc"),
        "array-of-class": call("numpy._core.multiarray", "_reconstruct", named("os", "_wrap_close"), (0,), b"C\x01b"),
        "array-state-list": empty + values(1, (1,), call("numpy", "dtype", "O8", False, True), False, []) + b"b",
        "array-state-size": empty + values(1, (1 << 40,), double, False, b"C\x08" + bytes(8)) + b"b",
        "array-state-twice": empty + values(1, (1,), double, False, b"C\x08" + bytes(8)) + b"b}b",
        "array-from-function": call("numpy._core.numeric", "_frombuffer", call("os", "getcwdb"), double, (1,), "C"),
        "load-by-numpy": call("numpy.lib.npyio", "load", payload.marker, None, True),
        "memmap": call("numpy", "memmap", payload.marker, "u1", "w+", 0, (1,)),
        "fromfile": call("numpy", "fromfile", payload.marker),
        "genfromtxt": call("numpy", "genfromtxt", payload.marker),
        "vectorize": call("numpy", "vectorize", named("os", "system")),
        "apply-along-axis": call("numpy", "apply_along_axis", named("os", "system"), 0, [payload.command]),
    }
    for name, attack in attacks.items():
        yield Case("numpy-values", name, "voice.pth", hostile(before(data_pickle(), attack)), "malicious")
    objects = pickle.dumps(np.array([{"a": 1}, None], dtype=object), 4)
    yield Case("numpy-values", "bare-object-array", "stats.pkl", objects)
    yield Case("numpy-values", "bare-structured-array", "stats.pkl", pickle.dumps(np.zeros(2, "i4,f8"), 4))


def plain_builtins(payload: Payload) -> Iterator[Case]:
    """The few built-in containers that are read, with arguments that no pickler writes."""
    system = call("os", "system", payload.command)
    attacks = {
        "set-of-call": call("builtins", "set", system),
        "set-of-text": call("builtins", "set", "abc"),
        "frozenset-of-call": call("__builtin__", "frozenset", [1]) + b"0" + call("__builtin__", "frozenset", system),
        "bytearray-of-number": call("builtins", "bytearray", 1 << 40),
        "bytes-of-list": call("builtins", "bytes", [1, 2]),
        "complex-of-text": call("builtins", "complex", "1+1j"),
        "encode-by-other-codec": call("_codecs", "encode", payload.python, "unicode_escape"),
        "encode-rot13": call("_codecs", "encode", "vzcbeg bf", "rot13"),
        "encode-with-errors": call("_codecs", "encode", "x", "latin1", "backslashreplace"),
        "decode": call("_codecs", "decode", b"C\x01x", "pickle"),
        "register": call("_codecs", "register", named("os", "system")),
        "lookup": call("codecs", "lookup", "latin1"),
        "device-of-text": call("torch", "device", payload.command),
        "dtype-called": call("torch", "float16"),
        "storage-from-file": call("torch", "FloatStorage.from_file", payload.marker, True, 1),
        "untyped-from-file": call("torch", "UntypedStorage.from_file", payload.marker, True, 1),
        "untyped-made": call("torch.storage", "UntypedStorage", 1 << 40),
        "untyped-from-file-of-its-module": call("torch.storage", "UntypedStorage.from_file", payload.marker, True, 1),
        "new-type-called": call("torch", "uint16", payload.command),
        "new-tensor-of-call": call("torch._utils", "_rebuild_tensor_v3", system, 0, [1], [1], False, b"N", b"N"),
        "new-tensor-by-call": call("torch._utils", "_rebuild_tensor_v3", b"N", 0, [1], [1], False, b"N", system),
        "tensor-from-type": call(
            "torch._tensor",
            "_rebuild_from_type_v2",
            named("os", "system"),
            named("torch", "Tensor"),
            (payload.command,),
            b"N",
        ),
        "tensor-state-hook": call(
            "torch._utils", "_rebuild_parameter_with_state", named("os", "system"), True, b"N", b"N"
        ),
        "wrapper-subclass": call(
            "torch._utils", "_rebuild_wrapper_subclass", named("os", "system"), "f", (1,), (1,), 0
        ),
        "sparse": call("torch._utils", "_rebuild_sparse_tensor", named("os", "system"), (payload.command,)),
        "other-bag": named("__main__", "HParams") + b")\x81}b",
        "bag-of-other-module": named("os", "HParams") + b")\x81}b",
    }
    for name, attack in attacks.items():
        expected = "refused" if name in ("other-bag", "bag-of-other-module") else "malicious"
        content = hostile(before(data_pickle(), attack))
        yield Case("plain-builtins", name, "voice.pth", content, expected)  # type: ignore[arg-type]


def exceptions(payload: Payload) -> Iterator[Case]:
    """Exception-oriented programming: the payload hides in what is built or handled when loading fails."""
    command = call("os", "system", payload.command)
    attacks = {
        "exception-with-call": call("builtins", "Exception", command),
        "raise-through-int": call("builtins", "int", command),
        "setattr": call("builtins", "setattr", named("sys", "stdout"), "write", named("os", "system")),
        "excepthook": call("builtins", "setattr", named("builtins", "Ellipsis"), "excepthook", named("os", "system")),
        "unraisable": named("sys", "unraisablehook") + b"}" + text("x") + named("os", "system") + b"sb",
        "next-of-iterator": call("builtins", "next", call("builtins", "map", named("os", "system"), [payload.command])),
        "context-manager": call("contextlib", "ExitStack.callback", named("os", "system"), payload.command),
        "weak-finaliser": call(
            "weakref", "finalize", named("os", "_wrap_close"), named("os", "system"), payload.command
        ),
        "import-hook": named("sys", "meta_path") + MARK + named("os", "system") + b"e",
        "warnings-filter": call("warnings", "warn_explicit", payload.python, named("os", "_wrap_close"), "x", 1),
        "unittest-mock": call("unittest.mock", "_importer", "os"),
        "string-formatter": call("string", "Formatter.get_field", "{0.__init__}", [], {}),
    }
    for name, attack in attacks.items():
        yield Case("exceptions", name, "voice.pth", hostile(before(data_pickle(), attack)), "malicious")


def foreign_heads(payload: Payload) -> Iterator[Case]:
    """GPT-SoVITS restores ``PK`` over any two bytes, not only over the codes that it writes."""
    for name, head in {"07": b"07", "99": b"99", "letters": b"XX", "zero": b"\x00\x00", "ff": b"\xff\xfe"}.items():
        twin = head + _twin(payload)[2:]
        yield Case("foreign-heads", name, "voice.pth", twin, "malicious")
        yield Case("foreign-heads", f"{name}-honest", "voice.pth", head + golden()[2:])
    yield Case("foreign-heads", "lower-case", "voice.pth", b"pk" + _twin(payload)[2:], "malicious")


def far_places(payload: Payload) -> Iterator[Case]:
    """Pickles that do not stand at the start of where they hide."""
    first = next(member for member in honest() if "/data/" in member.name and len(member.data) > 4096)
    name, attacks = first.name.removeprefix(root()), {}
    for version in (0, 2, 4):
        attack = pickle.dumps(_Reduced(payload.command), version)
        attacks[f"middle-{version}"] = first.data[:500] + attack
        attacks[f"tail-{version}"] = first.data[: len(first.data) - len(attack)] + attack
    for label, data in attacks.items():
        filled = (data + first.data[len(data) :])[: len(first.data)]
        content = archive(changed(name, data=filled))
        yield Case("far-places", label, "voice.pth", content, "malicious")


class _Reduced:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, (self.command,)


def behind_clean_fronts(payload: Payload) -> Iterator[Case]:
    """An archive, with 64-bit ends where readers look less, behind content that is clean by itself."""
    small = io.BytesIO()
    with zipfile.ZipFile(small, "w") as target, target.open("a/data.pkl", "w", force_zip64=True) as member:
        member.write(whole(call("os", "system", payload.command)))
    wide = _with_wide_end(small.getvalue())
    fronts = {
        "wav": b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(100),
        "mp3": b"ID3\x04\x00" + bytes(100),
        "m4a": b"\x00\x00\x00\x18ftypM4A " + bytes(100),
        "safetensors": struct.pack("<Q", 2) + b"{}",
        "npy": b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (0,), }".ljust(127) + b"\n",
        "text": b"hello\n",
    }
    for name, front in fronts.items():
        ending = {"npy": "npy", "text": "txt", "safetensors": "safetensors"}.get(name, name)
        yield Case("clean-fronts", f"{name}-wide", f"voice.{ending}", front + wide)
        yield Case("clean-fronts", f"{name}-plain", f"voice.{ending}", front + small.getvalue())
    yield Case(
        "clean-fronts", "text-pickle", "README", b"cos\nsystem\n(S'" + payload.command.encode() + b"'\ntR.", "malicious"
    )
    yield Case("clean-fronts", "text-markup", "notes.txt", b"<script>alert(1)</script>")


def _with_wide_end(content: bytes) -> bytes:
    end = content.rindex(b"PK\x05\x06")
    count, size, offset = struct.unpack("<H2I", content[end + 10 : end + 20])
    large = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, end, 1)
    small = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return content[:end] + large + locator + small


def tar_tricks(payload: Payload) -> Iterator[Case]:
    """Archives that two tar readers see differently, and formats that live in them."""
    bare = whole(call("os", "system", payload.command))
    for key, value in {"size": "512", "GNU.sparse.realsize": "9", "linkpath": "/etc/passwd"}.items():
        yield Case("tar-tricks", f"attribute-{key}", "voice.tar", _tar({"a.txt": b"x"}, {key: value}))
    yield Case("tar-tricks", "attribute-path", "voice.tar", _tar({"a.txt": b"x"}, {"path": "../../etc/cron.d/x"}))
    yield Case("tar-tricks", "long-name", "voice.tar", _tar({"../" * 60 + "x": b"x"}, {}, tarfile.GNU_FORMAT))
    yield Case("tar-tricks", "behind-end", "voice.tar", _tar({"a.txt": b"x"}) + bare)
    yield Case("tar-tricks", "hard-link", "voice.tar", _tar({"a": b""}, kind=tarfile.LNKTYPE))
    yield Case("tar-tricks", "device", "voice.tar", _tar({"a": b""}, kind=tarfile.CHRTYPE))
    yield Case("tar-tricks", "fifo", "voice.tar", _tar({"a": b""}, kind=tarfile.FIFOTYPE))
    storages = pickle.dumps(1, 2) + pickle.dumps(("0", "cpu", "FloatStorage"), 2) + struct.pack("<q", 1 << 40)
    legacy = {
        "sys_info": pickle.dumps({"protocol_version": 1000}, 2),
        "storages": storages,
        "tensors": bare,
        "pickle": bare,
    }
    yield Case("tar-tricks", "weights-only-bypass", "voice.pth", _tar(legacy), "malicious")
    skops = archive([Member("schema.json", b'{"__module__": "os", "__class__": "system"}'), Member("x.pkl", bare)])
    yield Case("tar-tricks", "skops", "voice.skops", skops, "malicious")
    yield Case("tar-tricks", "tar-gz-of-pickle", "voice.tgz", gzip.compress(_tar({"a": bare})), "malicious")


def _tar(
    members: dict[str, bytes], headers: dict[str, str] | None = None, form: int = tarfile.PAX_FORMAT, kind: bytes = b"0"
) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as target:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size, info.type, info.pax_headers = len(data), kind, dict(headers or {})
            target.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def aside(payload: Payload) -> Iterator[Case]:
    """What is left behind is still read: a loader would make it."""
    ref = values("storage", named("torch", "FloatStorage"), "0", "cpu", 1 << 20) + b"Q"
    lying = call("torch._utils", "_rebuild_tensor_v2", ref, 0, (4,), (1,), False, b"N")
    outside = call(
        "torch._utils",
        "_rebuild_tensor_v2",
        values("storage", named("torch", "HalfStorage"), "0", "cpu", _numel()) + b"Q",
        0,
        (1 << 30,),
        (1,),
        False,
        b"N",
    )
    half = values("storage", named("torch", "HalfStorage"), "0", "cpu", _numel()) + b"Q"
    largest = (1 << 31) - 1
    empty = call("torch._utils", "_rebuild_tensor_v2", half, 0, (0, *[largest] * 3), (1,) * 4, False, b"N")
    brain = values("storage", named("torch", "BFloat16Storage"), "0", "cpu", _numel()) + b"Q"
    yield Case("aside", "other-type-first-and-dropped", "voice.pth", hostile(before(data_pickle(), brain)), "malicious")
    for name, extra in {"storage-lies": lying, "tensor-outside": outside, "empty-but-endless": empty}.items():
        yield Case("aside", name, "voice.pth", hostile(_with_item("optimizer", b"]" + extra + b"a")))
    system = call("os", "system", payload.command)
    for key in ("optimizer", "callbacks", "info", "__class__", "hyper_parameters"):
        yield Case("aside", f"call-in-{key}", "voice.pth", hostile(_with_item(key, system)), "malicious")
    unread = [*honest(), Member(root() + "data/77777", np.arange(64, dtype=np.float32).tobytes())]
    yield Case("aside", "data-that-nothing-names", "voice.pth", archive(unread))
    first = next(member for member in honest() if member.name == root() + "data/0")
    longer = [replace(one, data=one.data * 2) if one is first else one for one in honest()]
    yield Case("aside", "blob-longer-than-storage", "voice.pth", archive(longer))
    yield Case("aside", "legacy-head", "voice.pth", with_head(pickle.dumps({"a": 1}, 2), "05"))


def slow(payload: Payload) -> Iterator[Case]:
    """Small files whose reading would take more than linear time (the corpus has a bound of seconds)."""
    yield Case("slow", "names-without-end", "voice.pth", archive(changed("data/0", data=b"c" * 131_070)))
    made = b"\x80\x02N" + b")\x81" * 60_000 + b"."
    yield Case("slow", "made-of-what-was-made", "voice.pkl", made, "malicious")
    long_name = named("a" * (1 << 20), "b") + b"q\x00"
    again = whole(long_name + b"0h\x00)\x81" * 40_000)
    yield Case("slow", "long-name-again-and-again", "voice.pkl", again, "malicious")


def _numel() -> int:
    return len(next(member for member in honest() if member.name == root() + "data/0").data) // 2


def _with_item(key: str, opcodes: bytes) -> bytes:
    """The honest pickle with one more item in its outermost table."""
    honest_pickle = data_pickle()
    end = [position for code, _, position in pickletools.genops(honest_pickle) if code.name == "STOP"][-1]
    assert end is not None
    return honest_pickle[:end] + text(key) + opcodes + b"s."


def everything(payload: Payload) -> Iterable[Case]:
    """All families of this module."""
    for family in (
        numpy_values,
        plain_builtins,
        exceptions,
        foreign_heads,
        far_places,
        behind_clean_fronts,
        tar_tricks,
        aside,
        slow,
    ):
        yield from family(payload)
