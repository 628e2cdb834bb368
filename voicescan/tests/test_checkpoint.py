"""Reading and rebuilding checkpoints of every head, precision and container."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from blake3 import blake3

from tests.security.attacks.assembler import call, named, text, values, whole
from voicescan import Refused, read_checkpoint, rebuild, scan, scan_bytes
from voicescan.settings import validate

GOLDEN = Path(__file__).resolve().parents[2] / "tests" / "data" / "golden" / "checkpoints"
FILES = {
    "tiny-e15.ckpt": ("PK", "s1", "v2", 43),
    "tiny_v2_e8_s128.pth": ("PK", "s2", "v2", 601),
    "tiny_v2_header01.pth": ("01", "s2", "v2", 601),
    "tiny_v2_pretrained_style.pth": ("PK", "s2", "v2", 632),
    "tiny_v2Pro_e8_s128.pth": ("05", "s2", "v2Pro", 606),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.mark.parametrize("file", FILES)
def test_recorded_files_are_read_and_identified(file: str) -> None:
    head, kind, family, count = FILES[file]
    checkpoint, report = read_checkpoint(GOLDEN / file), scan(GOLDEN / file)
    assert (checkpoint.head, len(checkpoint.tensors)) == (head, count)
    assert (report.verdict, report.kind, report.family) == ("clean", kind, family)
    assert report.tensors.count == count


@pytest.mark.parametrize(("file", "key"), [("tiny-e15.ckpt", "s1"), ("tiny_v2_e8_s128.pth", "v2")])
def test_settings_are_those_recorded(file: str, key: str) -> None:
    recorded = json.loads((GOLDEN / "checkpoints.json").read_text())[key]["config"]
    config = read_checkpoint(GOLDEN / file).config
    for section, settings in recorded.items():
        assert config[section] == settings


def _save(content: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def _stage1(dtype: torch.dtype) -> dict[str, object]:
    checkpoint = read_checkpoint(GOLDEN / "tiny-e15.ckpt")
    weight = OrderedDict(
        (name, torch.from_numpy(np.array(array)).to(dtype)) for name, array in checkpoint.tensors.items()
    )
    return {"weight": weight, "config": checkpoint.config, "info": "GPT-e15"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("options", [{}, {"pickle_protocol": 5}, {"_use_new_zipfile_serialization": False}])
def test_tensors_equal_what_torch_saved(dtype: torch.dtype, options: dict[str, object]) -> None:
    content = _stage1(dtype)
    checkpoint = read_checkpoint(_save(content, **options))
    weight = content["weight"]
    assert isinstance(weight, OrderedDict)
    assert list(checkpoint.tensors) == list(weight)
    for name, tensor in weight.items():
        expected = tensor.float().numpy() if dtype == torch.bfloat16 else tensor.numpy()
        assert np.array_equal(checkpoint.tensors[name], expected)
        assert checkpoint.stored[name].raw().tobytes() == tensor.view(torch.uint8).numpy().tobytes()


def test_digests_are_of_the_raw_bytes_in_canonical_order() -> None:
    checkpoint = read_checkpoint(GOLDEN / "tiny-e15.ckpt")
    made = rebuild(checkpoint)
    assert list(made.tensors) == sorted(checkpoint.tensors)
    for entry in made.entries:
        array = checkpoint.tensors[entry.name]
        assert entry.digest == blake3(array.tobytes()).hexdigest()
        assert (entry.dtype, entry.shape, entry.size) == ("F16", array.shape, array.nbytes)


def test_strided_and_shared_tensors_are_followed() -> None:
    content = _stage1(torch.float32)
    weight = content["weight"]
    assert isinstance(weight, OrderedDict)
    base = torch.arange(64 * 1024, dtype=torch.float32).reshape(1024, 64)
    weight["model.bert_proj.weight"] = base.T
    weight["model.bert_proj.bias"] = base.reshape(-1)[128:192]
    tensors = read_checkpoint(_save(content)).tensors
    assert np.array_equal(tensors["model.bert_proj.weight"], base.T.numpy())
    assert tensors["model.bert_proj.bias"][0] == 128


def _legacy(*tensors: bytes) -> bytes:
    """A file of torch before 1.6 with one storage of six numbers."""
    system = {"protocol_version": 1001, "little_endian": True}
    header = b"".join(pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system))
    table = b"}" + b"".join(text(f"t{number}") + tensor + b"s" for number, tensor in enumerate(tensors))
    numbers = np.arange(6, dtype="<f4").tobytes()
    return header + whole(table) + pickle.dumps(["0"], 2) + struct.pack("<q", 6) + numbers


def _on_view(start: int, length: int, view: bytes = b"N") -> bytes:
    storage = values("storage", named("torch", "FloatStorage"), "0", "cpu", 6, view) + b"Q"
    return call("torch._utils", "_rebuild_tensor_v2", storage, start, values(length), values(1), False, b"N")


def test_views_of_old_storages_are_read_as_torch_reads_them() -> None:
    content = _legacy(_on_view(1, 2, values("1", 2, 3)), _on_view(0, 6), _on_view(0, 3, values("1", 2, 3)))
    expected = torch.load(io.BytesIO(content), weights_only=False)
    tensors = read_checkpoint(content).tensors
    assert {name: array.tolist() for name, array in tensors.items()} == {
        name: tensor.tolist() for name, tensor in expected.items()
    }


@pytest.mark.parametrize(
    ("tensors", "rule"),
    [
        ([_on_view(0, 4, values("1", 2, 3))], "tensor-shape"),
        ([_on_view(0, 3, values("1", 2, 3)), _on_view(0, 3, values("1", 0, 3))], "pickle-confusion"),
        ([_on_view(0, 6), _on_view(0, 3, values("0", 2, 3))], "pickle-confusion"),
    ],
)
def test_views_that_torch_reads_otherwise_are_refused(tensors: list[bytes], rule: str) -> None:
    assert rule in {finding.rule for finding in scan_bytes(_legacy(*tensors), "voice.pth").findings}


def _record(signature: bytes, name: str, data: bytes, small: tuple[int, ...], extra: bytes) -> bytes:
    """The fields that local header and directory record share."""
    fields = (45, 0, 0, 0, 0, zlib.crc32(data), *small, len(name), len(extra))
    return signature + struct.pack("<5H3I2H", *fields)


def _two_places(hidden: bytes) -> bytes:
    """A checkpoint whose pickle is, by the first of two 64-bit fields, a member within the bytes of a weight."""
    local = _record(b"PK\x03\x04", "a/data.pkl", hidden, (len(hidden),) * 2, b"") + b"a/data.pkl" + hidden
    weight = torch.zeros(1 << 18, dtype=torch.uint8)
    weight[1 << 17 : (1 << 17) + len(local)] = torch.frombuffer(bytearray(local), dtype=torch.uint8)
    with zipfile.ZipFile(io.BytesIO(_save({"weight": {"shown": weight}}))) as saved:
        members = {"/".join(["a", *name.split("/")[1:]]): saved.read(name) for name in saved.namelist()}
    body, directory = b"", b""
    for name, data in sorted(members.items(), reverse=True):
        small, offset, extra, wide = (len(data), len(data)), len(body), b"", b""
        if name == "a/data.pkl":
            first = struct.pack("<2H3Q", 1, 24, len(hidden), len(hidden), body.index(local))
            extra = first + struct.pack("<2H3Q", 1, 24, *small, offset)
            wide = struct.pack("<2H2Q", 1, 16, *small)
            small, offset = (0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFF
        record = _record(b"PK\x01\x02\x2d\x00", name, data, small, extra)
        directory += record + struct.pack("<3H2I", 0, 0, 0, 0, offset) + name.encode() + extra
        body += _record(b"PK\x03\x04", name, data, small, wide) + name.encode() + wide + data
    count = len(members)
    return body + directory + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)


def test_a_member_has_one_place() -> None:
    hidden = pickle.dumps({"hidden": "what torch reads"}, 2)
    content = _two_places(hidden)
    assert torch.load(io.BytesIO(content), weights_only=True) == {"hidden": "what torch reads"}
    assert scan_bytes(content, "voice.ckpt").verdict == "suspicious"


def test_what_is_not_carried_on_is_listed() -> None:
    content = _stage1(torch.float16) | {"optimizer_note": "x", "learning_rate": 0.1}
    config = content["config"]
    assert isinstance(config, dict)
    content["config"] = {**config, "novelty": 3}
    made = rebuild(read_checkpoint(_save(content)))
    assert made.extra == {"learning_rate": 0.1}
    assert "item optimizer_note" in made.stripped
    assert "setting novelty" in made.stripped
    assert "novelty" not in made.config


@pytest.mark.parametrize(
    ("value", "rule"),
    [(float("nan"), "weights-not-finite"), (float("inf"), "weights-not-finite"), (1e9, "weights-absurd")],
)
def test_sick_numbers_are_refused(value: float, rule: str) -> None:
    content = _stage1(torch.float32)
    weight = content["weight"]
    assert isinstance(weight, OrderedDict)
    weight["model.bert_proj.bias"][-1] = value
    report = scan_bytes(_save(content), "voice.ckpt")
    assert [finding.rule for finding in report.findings] == [rule]
    with pytest.raises(Refused, match=r"model\.bert_proj\.bias"):
        rebuild(read_checkpoint(_save(content)))


def test_a_foreign_weight_name_is_harmless_data_that_is_remarked_on() -> None:
    content = _stage1(torch.float16)
    weight = content["weight"]
    assert isinstance(weight, OrderedDict)
    weight["backdoor.weight"] = torch.zeros(4)
    report = scan_bytes(_save(content), "voice.ckpt")
    assert (report.verdict, report.findings[0].rule) == ("clean", "not-auditionable")


@pytest.mark.parametrize(
    ("dtype", "why"),
    [
        (torch.float8_e4m3fn, "is of the type F8_E4M3"),
        (torch.complex64, "is of the type C64"),
        (torch.int32, "holds no fractions"),
    ],
)
def test_a_weight_that_cannot_be_spoken_is_told_by_its_type(dtype: torch.dtype, why: str) -> None:
    """8-bit floats were said to hold no fractions."""
    content = _stage1(torch.float16)
    weight = content["weight"]
    assert isinstance(weight, OrderedDict)
    name = "model.ar_predict_layer.weight"
    weight[name] = weight[name].to(dtype)
    findings = scan_bytes(_save(content), "voice.ckpt").findings
    assert [finding.rule for finding in findings] == ["not-auditionable"]
    assert f"{name} {why}" in findings[0].message_en


def test_a_missing_part_is_a_note() -> None:
    content = _stage1(torch.float16)
    weight = content["weight"]
    assert isinstance(weight, OrderedDict)
    del weight["model.ar_predict_layer.weight"]
    report = scan_bytes(_save(content), "voice.ckpt")
    assert report.verdict == "clean"
    assert [finding.rule for finding in report.findings] == ["not-auditionable"]


def test_what_a_nano_voice_requires_is_kept() -> None:
    requires = {"content_encoder": "ab" * 32}
    kept = validate({"model": {"version": "nano"}, "requires": requires}, "voice.pth", nano=True)
    assert kept.config["requires"] == requires
    assert not kept.dropped
