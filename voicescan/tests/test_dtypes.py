"""Tensors of every type that torch has are what they are: data, in checkpoints and in safetensors."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import safetensors.torch
import torch

from tests.security.attacks.assembler import call, named, stacked, text, values, whole
from voicescan import Refused, read_checkpoint, scan_bytes
from voicescan.dtypes import UNTYPED
from voicescan.findings import deciding
from voicescan.pickles import read_one

DTYPES = sorted({value for value in vars(torch).values() if isinstance(value, torch.dtype)}, key=str)
FORMS = [{}, {"pickle_protocol": 4}, {"pickle_protocol": 5}, {"_use_new_zipfile_serialization": False}]


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _tensor(dtype: torch.dtype, count: int = 24) -> torch.Tensor | None:
    """Bits of all kinds; None for types that torch has by name alone, and quantised ones."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        empty = torch.empty(count, dtype=dtype)
        try:
            torch.save(empty, io.BytesIO())
        except (RuntimeError, KeyError):
            return None
    bits = torch.arange(count * empty.element_size(), dtype=torch.uint8) % 60  # no weight is absurdly large
    return (bits % 2).bool()[:count] if dtype == torch.bool else bits.view(dtype)


SAVED = {dtype: tensor for dtype in DTYPES if (tensor := _tensor(dtype)) is not None}


def _in_safetensors(dtype: torch.dtype) -> bool:
    """Whether it has that type as it is: it counts the two numbers in a byte of the smallest each."""
    try:
        return bool(safetensors.torch.save({"a": SAVED[dtype]})) and dtype != torch.float4_e2m1fn_x2
    except KeyError:
        return False


def _bytes(tensor: torch.Tensor) -> bytes:
    """The bytes in row-major order; few types can be copied, none but these be compared."""
    flat = tensor.view(torch.uint8) if tensor.element_size() == 1 else tensor
    if flat.element_size() > 1:
        whole_numbers = {2: torch.int16, 4: torch.int32, 8: torch.int64}
        size = flat.element_size()
        flat = torch.view_as_real(flat) if size == 16 else flat.view(whole_numbers[size])
    return bytes(flat.contiguous().numpy().tobytes())


def _saved(content: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(content, buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def test_every_type_without_a_storage_class_is_known() -> None:
    own = {_name(dtype) for dtype in SAVED if b"UntypedStorage" in _saved(SAVED[dtype])}
    assert own == set(UNTYPED)
    assert {"uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2", "complex32"} <= own


@pytest.mark.parametrize("options", FORMS)
@pytest.mark.parametrize("dtype", SAVED, ids=_name)
def test_a_checkpoint_of_any_type_is_data(dtype: torch.dtype, options: dict[str, object]) -> None:
    """Those without a storage class were called malicious: `_rebuild_tensor_v3` would run on your computer."""
    flat = SAVED[dtype]
    weight = OrderedDict(
        flat=flat, table=flat.reshape(4, 6), turned=flat.reshape(4, 6).T, part=flat[5:17], every=flat[1::3],
        none=flat[:0], learnt=torch.nn.Parameter(flat, requires_grad=False),
    )  # fmt: skip
    content = _saved({"weight": weight, "config": {}, "info": "x", "dtype": dtype}, **options)
    report = scan_bytes(content, "voice.pth")
    assert report.verdict == "clean", [finding.message_en for finding in report.findings]
    read = read_checkpoint(content).stored
    assert list(read) == list(weight)
    for name, tensor in weight.items():
        assert read[name].bits.shape == tuple(tensor.shape)
        assert read[name].raw().tobytes() == _bytes(tensor)
    element = UNTYPED.get(_name(dtype), read["flat"].element)
    assert {tensor.element for tensor in read.values()} == {element}
    assert report.tensors.dtypes == {element.name: len(weight)}


@pytest.mark.parametrize("dtype", SAVED, ids=_name)
def test_numbers_are_what_torch_says_or_are_not_told(dtype: torch.dtype) -> None:
    """numpy has no 8-bit floats: their bits stood there as whole numbers, and became weights."""
    read = read_checkpoint(_saved({"weight": {"a": SAVED[dtype]}, "config": {}, "info": ""}))
    try:
        same = SAVED[dtype].to(torch.float32 if dtype == torch.bfloat16 else dtype).numpy()
    except TypeError:
        with pytest.raises(Refused, match="weights-type"):
            dict(read.tensors)
        assert read.stored["a"].raw().tobytes() == _bytes(SAVED[dtype])
        return
    assert read.tensors["a"].dtype == same.dtype
    np.testing.assert_array_equal(read.tensors["a"], same)


@pytest.mark.parametrize("dtype", [dtype for dtype in SAVED if _in_safetensors(dtype)], ids=_name)
def test_safetensors_of_any_type_are_data(dtype: torch.dtype) -> None:
    """F8_E8M0 and the two of AMD's were no types to the scan, and the file suspicious."""
    content = safetensors.torch.save({"a": SAVED[dtype]})
    assert scan_bytes(content, "a.safetensors").verdict == "clean"
    assert read_checkpoint(content).stored["a"].raw().tobytes() == _bytes(SAVED[dtype])


BYTES = values("storage", named("torch.storage", "UntypedStorage"), "0", "cpu", 48) + b"Q"
FLOATS = values("storage", named("torch", "FloatStorage"), "0", "cpu", 12) + b"Q"
VIEW = values("storage", named("torch.storage", "UntypedStorage"), "0", "cpu", 48, values("1", 0, 48)) + b"Q"
THREE = (BYTES, 0, values(3), values(1), False)
U16 = named("torch", "uint16")
HOOKS = call("collections", "OrderedDict")


def _v3(*arguments: object) -> bytes:
    return call("torch._utils", "_rebuild_tensor_v3", *arguments)


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(_v3(*THREE, HOOKS, named("os", "system")), id="a program as the type"),
        pytest.param(_v3(*THREE, HOOKS, "uint16"), id="a text as the type"),
        pytest.param(_v3(*THREE, HOOKS, named("torch", "Size")), id="another name of torch"),
        pytest.param(_v3(*THREE, HOOKS, named("torch", "float32")), id="a type with a storage"),
        pytest.param(_v3(*THREE, HOOKS, call("torch", "uint16")), id="a type that is called"),
        pytest.param(_v3(*THREE, values(named("os", "system")), U16), id="a hook"),
        pytest.param(_v3(*THREE, HOOKS, U16, named("os", "system")), id="metadata"),
        pytest.param(_v3(*THREE, HOOKS), id="no type"),
        pytest.param(_v3(FLOATS, 0, values(3), values(1), False, HOOKS, U16), id="a storage of numbers"),
        pytest.param(_v3(VIEW, 0, values(3), values(1), False, HOOKS, U16), id="a view of a storage"),
        pytest.param(_v3(named("os", "system"), 0, values(3), values(1), False, HOOKS, U16), id="no storage"),
        pytest.param(call("torch.storage", "UntypedStorage", 48), id="a storage that is made"),
        pytest.param(call("torch.storage", "UntypedStorage.from_file", "/etc/passwd"), id="a storage of a file"),
        pytest.param(stacked("torch.storage", "UntypedStorage.from_file") + values("x") + b"R", id="the same, stacked"),
        pytest.param(named("torch.storage", "UntypedStorage") + b")\x81", id="a storage by its class"),
        pytest.param(named("torch.storage", "UntypedStorage") + b"}b", id="a state of the class"),
        pytest.param(named("torch.storage", "TypedStorage"), id="a storage of any type"),
        pytest.param(named("torch", "UntypedStorage"), id="by another module"),
    ],
)
def test_what_is_new_is_allowed_in_its_one_form_alone(attack: bytes) -> None:
    read = read_one(whole(attack), "voice.pth")
    assert deciding(read.findings), read.findings
    honest = read_one(whole(_v3(*THREE, HOOKS, U16)), "voice.pth")
    assert not honest.findings


@pytest.mark.parametrize(
    ("start", "count", "step"), [(22, 3, 1), (24, 1, 1), (0, 25, 1), (0, 13, 2), (1 << 40, 1, 1), (0, 1 << 40, 0)]
)
def test_a_tensor_does_not_reach_beyond_its_bytes(start: int, count: int, step: int) -> None:
    """Its numbers are counted in those of its type: 24 of them in 48 bytes."""
    beyond = scan_bytes(_of_48_bytes(start, count, step), "voice.pth")
    assert {finding.rule for finding in deciding(beyond.findings)} == {"tensor-shape"}
    assert scan_bytes(_of_48_bytes(21, 3, 1), "voice.pth").verdict == "clean"


def _of_48_bytes(start: int, count: int, step: int) -> bytes:
    """A file of torch before 1.6 with a tensor of uint16."""
    honest = {"protocol_version": 1001, "little_endian": True}
    header = b"".join(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, honest))
    tensor = _v3(BYTES, start, values(count), values(step), False, HOOKS, U16)
    return header + whole(b"}" + text("a") + tensor + b"s") + pickle.dumps(["0"], 2) + struct.pack("<q", 48) + bytes(48)


def test_numbers_are_those_that_torch_reads() -> None:
    """Also on bytes that another tensor shares, and of which the last is half a number."""
    whole_storage = torch.arange(1, 8, dtype=torch.uint8)
    weight = {"bytes": whole_storage, "words": whole_storage[:6].view(torch.uint16), "odd": whole_storage[2:6:2]}
    content = _saved({"weight": weight, "config": {}, "info": ""})
    loaded, read = torch.load(io.BytesIO(content), weights_only=True)["weight"], read_checkpoint(content).tensors
    assert {name: array.tolist() for name, array in read.items()} == {
        name: tensor.tolist() for name, tensor in loaded.items()
    }
    assert read["words"].tolist() == [0x0201, 0x0403, 0x0605]
