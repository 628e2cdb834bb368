"""Families in other formats: safetensors, ONNX, numpy, programs, documents, pointers; sick weights and settings."""

from __future__ import annotations

import json
import pickle
import pickletools
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tests.security.attacks.assembler import call, plain, text, whole
from tests.security.attacks.case import Case, Payload
from tests.security.attacks.containers import archive, changed, data_pickle, honest, hostile, root


def _safetensors(header: bytes | dict[str, object], data: bytes = b"", length: int | None = None) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def _record(start: int, end: int, shape: Sequence[object], dtype: object = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


def safetensors(payload: Payload) -> Iterator[Case]:
    """Headers that are absurd, contradictory or aimed at whoever shows them."""
    a, eight = _record(0, 8, [2]), bytes(8)
    twice = (
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    )
    variants = {
        "length-beyond-file": _safetensors({"a": a}, eight, 1 << 30),
        "length-huge": _safetensors({"a": a}, eight, (1 << 40) - 1),
        "length-zero": _safetensors({"a": a}, eight, 0),
        "overlap": _safetensors({"a": a, "b": _record(4, 12, [2])}, bytes(12)),
        "hole": _safetensors({"a": a, "b": _record(16, 24, [2])}, bytes(24)),
        "trailing": _safetensors({"a": a}, eight + whole(call("os", "system", payload.command))),
        "beyond-end": _safetensors({"a": _record(0, 800, [200])}, eight),
        "backwards": _safetensors({"a": _record(8, 0, [2])}, eight),
        "shape-overflow": _safetensors({"a": _record(0, 8, [1 << 62, 1 << 62, 4])}, eight),
        "shape-mismatch": _safetensors({"a": _record(0, 8, [3])}, eight),
        "negative-shape": _safetensors({"a": _record(0, 8, [-2])}, eight),
        "boolean-shape": _safetensors({"a": _record(0, 8, [True, 2])}, eight),
        "fraction-shape": _safetensors({"a": _record(0, 8, [2.0])}, eight),
        "many-dimensions": _safetensors({"a": _record(0, 8, [1] * 5000 + [2])}, eight),
        "unknown-type": _safetensors({"a": _record(0, 8, [2], "OBJECT")}, eight),
        "type-is-list": _safetensors({"a": _record(0, 8, [2], ["F32"])}, eight),
        "extra-field": _safetensors({"a": {**a, "hook": payload.python}}, eight),
        "record-is-text": _safetensors({"a": "x"}, eight),
        "duplicate-keys": _safetensors(twice, eight),
        "not-utf8": _safetensors(b'{"\xff\xfe":1}' + b" " * 8),
        "not-a-number": _safetensors(b'{"a":NaN}' + b" " * 8),
        "deep-nesting": _safetensors(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        "cut-header": _safetensors(b'{"a":{"dtype":"F32"'),
        "array-header": _safetensors(b"[1,2,3]   "),
        "metadata-number": _safetensors({"__metadata__": {"a": 1}, "a": a}, eight),
        "metadata-list": _safetensors({"__metadata__": ["a"], "a": a}, eight),
        "metadata-script": _safetensors({"__metadata__": {"name": "<script>alert(1)</script>"}, "a": a}, eight),
        "metadata-image": _safetensors({"__metadata__": {"name": "<img src=x onerror=alert(1)>"}, "a": a}, eight),
        "empty-beyond-address-space": _safetensors({"a": _record(0, 0, [0, 1 << 47, 1 << 47])}),
        "zip-behind": _safetensors({"a": a}, eight) + hostile(data_pickle()),
        "million-names": _safetensors({f"t{index}": _record(0, 0, [0]) for index in range(21_000)}),
    }
    for name, content in variants.items():
        yield Case("safetensors", name, "voice.safetensors", content)


def uncarried(payload: Payload) -> Iterator[Case]:
    """Settings of a nano voice that no message between services can hold, so that a push would never be answered."""
    values = {
        "infinite": "1e999",
        "minus-infinite": "-1e999",
        "huge-integer": "9" * 400,
        "beyond-64-bits": str(1 << 63),
        "deep": "[" * 55 + "]" * 55,
        "deep-tables": '{"a":' * 20 + "1" + "}" * 20,
        "lone-surrogate": r'"\ud800"',
        "surrogate-name": r'{"\udfff": 1}',
        "many": json.dumps([0] * 10_001),
    }
    for name, value in values.items():
        metadata = {"config": f'{{"model": {{"version": "nano", "x": {value}}}}}'}
        header = {"__metadata__": metadata, "model.h.a": _record(0, 8, [2])}
        yield Case("uncarried", name, "voice.safetensors", _safetensors(header, bytes(8)))


def polyglots(payload: Payload) -> Iterator[Case]:
    """Pickles that pass for something else to whoever looks at a few bytes only."""
    attack = call("os", "system", payload.command) + b"."
    for name, (filename, offset, magic) in {
        "wav": ("voice.wav", 8, b"WAVE"),
        "m4a": ("voice.m4a", 4, b"ftyp"),
        "tar": ("voice.tar", 257, b"ustar"),
        "tflite": ("voice.pth", 4, b"TFL3"),
    }.items():
        filler = b"N" * (offset - 2) + b"U" + bytes([len(magic)]) if offset > 4 else b"\x80\x04\x8c\x04"
        yield Case("polyglots", name, filename, filler + magic + attack, "malicious" if offset < 9 else "refused")
    for length in (10, 5_000, 100_000):
        content = b"S'" + b"a" * length + b"'\n0cposix\nsystem\n(S'" + payload.command.encode() + b"'\ntR."
        yield Case("polyglots", f"text-{length}", "voice.yaml", content, "malicious")


def _field(number: int, value: bytes | int) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def onnx_model(graph: bytes, more: bytes = b"") -> bytes:
    """A ModelProto around a graph."""
    return _field(1, 8) + _field(2, b"x") + _field(7, graph) + _field(8, _field(1, b"") + _field(2, 17)) + more


def _node(operator: bytes, domain: bytes = b"", attribute: bytes = b"") -> bytes:
    return _field(1, _field(1, b"a") + _field(2, b"b") + _field(4, operator) + _field(7, domain) + attribute)


def _external(location: bytes) -> bytes:
    entry = _field(1, b"location") + _field(2, location)
    return _field(5, _field(1, 4) + _field(2, 1) + _field(8, b"w") + _field(13, entry) + _field(14, 1))


def onnx(payload: Payload) -> Iterator[Case]:
    """Graphs that reach outside, need foreign code, or unfold without bound."""
    tensor = _field(1, 4) + _field(2, 1) + _field(14, 1)
    constant = _field(5, _field(1, b"value") + _field(5, tensor))
    deep = _node(b"Relu")
    for _ in range(40):
        deep = _node(b"If", b"", _field(5, _field(1, b"then_branch") + _field(6, deep)))
    variants = {
        **{
            f"external-{index}": onnx_model(_external(path))
            for index, path in enumerate(
                (b"../secret", b"a/../../b", b"/etc/passwd", b"weights.bin", b"link/w", b"\\\\host\\share")
            )
        },
        "external-flag-only": onnx_model(_field(5, _field(1, 4) + _field(2, 1) + _field(14, 1))),
        "external-in-constant": onnx_model(_node(b"Constant", b"", constant)),
        "external-in-sparse": onnx_model(_field(15, _field(1, tensor))),
        "custom-domain": onnx_model(_node(b"Run", b"evil.ops")),
        "microsoft-domain": onnx_model(_node(b"PyOp", b"com.microsoft")),
        "custom-name": onnx_model(_node(b"PythonOp")),
        "custom-opset": onnx_model(_node(b"Relu"), _field(8, _field(1, b"evil.ops") + _field(2, 1))),
        "functions": onnx_model(_node(b"Relu"), _field(25, _field(1, b"Relu"))),
        "training": onnx_model(_node(b"Relu"), _field(20, _field(1, b""))),
        "huge-initialiser": onnx_model(_field(5, _field(1, 1 << 40) + _field(1, 1 << 20) + _field(2, 1))),
        "initialiser-size": onnx_model(_field(5, _field(1, 100) + _field(2, 1) + _field(9, b"1234"))),
        "nested-graphs": onnx_model(deep),
        "cut": onnx_model(_node(b"Relu") * 10)[:-20],
        "bad-wire": onnx_model(b"\x07\x07\x07\x07"),
        "endless-number": onnx_model(b"\x0a" + b"\xff" * 20),
        "length-beyond": onnx_model(_node(b"Relu")) + b"\x3a\xff\xff\xff\xff\x0f",
    }
    for name, content in variants.items():
        yield Case("onnx", name, "voice.onnx", content)


def numpy_and_joblib(payload: Payload) -> Iterator[Case]:
    """Object arrays and what joblib writes."""
    attack = whole(call("os", "system", payload.command), 4)
    for version in (1, 2, 3):
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        yield Case("numpy", f"objects-version-{version}", "a.npy", _npy(header, attack, version), "malicious")
    headers = {
        "evaluated-header": b"{'descr': __import__('os').system('true'), 'fortran_order': False, 'shape': (1,), }",
        "structured-objects": b"{'descr': [('a', '|O')], 'fortran_order': False, 'shape': (1,), }",
        "absurd-shape": b"{'descr': '<f8', 'fortran_order': False, 'shape': (999999999999, 999999999999), }",
        "backtracking": b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"1" * 300 + b"x), }",
        "too-short": b"{'descr': '<f8', 'fortran_order': False, 'shape': (100,), }",
        "deep-header": b"{'descr': '<f8', 'fortran_order': False, 'shape': " + b"(" * 900 + b")" * 900 + b"}",
    }
    for name, header in headers.items():
        yield Case("numpy", name, "a.npy", _npy(header, attack, 1))
    yield Case("numpy", "huge-header", "a.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 31) + b"{")
    yield Case("numpy", "joblib", "a.joblib", attack, "malicious")
    yield Case("numpy", "joblib-zlib", "a.joblib", zlib.compress(attack), "malicious")
    array = pickle.dumps(np.array([{"a": 1}], dtype=object))
    yield Case("numpy", "pickled-object-array", "a.pkl", array)


def _npy(header: bytes, body: bytes, version: int) -> bytes:
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes([version, 0]) + size + header + body


def programs(payload: Payload) -> Iterator[Case]:
    """Engines and programs, which are code whatever they are called."""
    for name, start in {
        "tensorrt-old": b"ptrt",
        "tensorrt": b"ftrt",
        "elf": b"\x7fELF\x02\x01\x01",
        "windows": b"MZ\x90\x00",
        "mach-o": b"\xcf\xfa\xed\xfe",
        "java": b"\xca\xfe\xba\xbe",
        "wasm": b"\x00asm\x01\x00\x00\x00",
        "shell": b"#!/bin/sh\n" + payload.command.encode(),
    }.items():
        yield Case("programs", name, "voice.plan", start + bytes(256), "malicious")
        yield Case("programs", f"{name}-as-model", "voice.pth", start + bytes(256), "malicious")
    for name, content in {
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(64),
        "gguf": b"GGUF\x03\x00\x00\x00" + bytes(64),
        "tflite": b"\x1c\x00\x00\x00TFL3" + bytes(64),
        "noise": np.random.default_rng(1).bytes(4096),
        "zeros": bytes(4096),
        "empty": b"",
        "text": b"hello world\n",
        "python": b"import os\nos.system('true')\n",
    }.items():
        yield Case("programs", name, "voice.pth", content)


def documents(payload: Payload) -> Iterator[Case]:
    """JSON and YAML against their readers."""
    laughs = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{n}: &{n} [{', '.join(['*' + p] * 9)}]\n" for p, n in zip("abcdefgh", "bcdefghi", strict=True)
    )
    yamls = {
        "laughs": laughs,
        "python-call": f"!!python/object/apply:os.system ['{payload.command}']\n",
        "python-name": "a: !!python/name:os.system\n",
        "python-module": "!!python/module:os\n",
        "merge": "a: &x {k: 1}\nb:\n  <<: *x\n",
        "duplicate": "a: 1\na: 2\n",
        "deep": "[" * 5000 + "]" * 5000,
        "tag": "a: !custom 1\n",
        "binary": "a: !!binary aGVsbG8=\n",
        "two-documents": "a: 1\n---\nb: 2\n",
        "control": "a: \x00\n",
        "beyond-floats": "a: " + "1:" * 180 + "1.5\n",
        "quadratic-sixties": "a: 1" + ":1" * 200_000 + "\n",
        "quadratic-sixties-as-name": "? 1" + ":1" * 200_000 + "\n: a\n",
    }
    for name, content in yamls.items():
        yield Case("documents", f"yaml-{name}", "voice.yaml", content.encode())
    jsons = {
        "deep": b"[" * 100_000 + b"]" * 100_000,
        "deep-open": b'{"a":' * 100_000,
        "duplicate": b'{"a":1,"a":2}',
        "nan": b'{"a":NaN}',
        "long-number": b'{"a":' + b"9" * 10_000 + b"}",
        "large": b'["' + b"a" * (2 << 20) + b'"]',
        "cut": b'{"a":',
        "not-utf8": b'{"a":"\xff"}',
    }
    for name, raw in jsons.items():
        yield Case("documents", f"json-{name}", "voice.json", raw)


def pointers(payload: Payload) -> Iterator[Case]:
    """Stand-ins for weights that were never downloaded."""
    lfs = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123\n"
    for filename in ("voice.pth", "voice.ckpt", "voice.safetensors", "voice.onnx"):
        yield Case("pointers", f"lfs-{filename}", filename, lfs)
    yield Case("pointers", "annex", "voice.pth", b"/annex/objects/SHA256E-s1--0.pth\n")
    yield Case("pointers", "page", "voice.pth", b"<!DOCTYPE html><html><body>404</body></html>")


def sick_weights(payload: Payload) -> Iterator[Case]:
    """Numbers and settings that no healthy training gives."""
    name, member = next((m.name.removeprefix(root()), m) for m in honest() if "/data/" in m.name and len(m.data) > 4096)
    for label, value in {"nan": np.nan, "infinite": np.inf, "minus-infinite": -np.inf}.items():
        for position in (0, len(member.data) // 4, -1):
            weights = np.frombuffer(member.data, np.float16).copy()
            weights[position] = value
            content = archive(changed(name, data=weights.tobytes()))
            yield Case("sick-weights", f"{label}-at-{position}", "voice.ckpt", content)


def settings(payload: Payload) -> Iterator[Case]:
    """Settings that would exhaust or confuse whoever builds a network from them."""
    values: dict[str, bytes] = {
        "layers-billions": plain(2_000_000_000),
        "layers-negative": plain(-1),
        "layers-text": text("many"),
        "layers-infinite": b"G\x7f\xf0\x00\x00\x00\x00\x00\x00",
        "layers-not-a-number": b"G\x7f\xf8\x00\x00\x00\x00\x00\x00",
        "layers-fraction": plain(2.5),
        "layers-bytes": b"C\x01x",
        "layers-set": b"\x8f",
        "layers-huge-integer": plain(1 << 900),
        "layers-list": plain([[1] * 50] * 50),
        "layers-none": b"N",
        "layers-truth": b"\x88",
        "layers-long-text": text("x" * 100_000),
    }
    for name, opcodes in values.items():
        yield Case("settings", name, "voice.ckpt", hostile(_with_setting("n_layer", opcodes)))
    call_in_config = call("os", "system", payload.command)
    content = hostile(_with_setting("n_layer", call_in_config))
    yield Case("settings", "layers-call", "voice.ckpt", content, "malicious")


def _with_setting(key: str, opcodes: bytes) -> bytes:
    """The honest stage-1 pickle with the number that follows ``key`` replaced."""
    pickled = data_pickle()
    operations = list(pickletools.genops(pickled))
    at = next(index for index, (_, argument, _) in enumerate(operations) if argument == key)
    while operations[at][0].name != "BININT1":
        at += 1
    start, end = operations[at][2], operations[at + 1][2]
    assert start is not None
    assert end is not None
    return pickled[:start] + opcodes + pickled[end:]


def everything(payload: Payload) -> Iterable[Case]:
    """All families of this module."""
    for family in (
        safetensors,
        uncarried,
        onnx,
        numpy_and_joblib,
        programs,
        documents,
        pointers,
        sick_weights,
        settings,
        polyglots,
    ):
        yield from family(payload)
