"""The static scan of real and hostile files, each in its sandbox."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from blake3 import blake3
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct
from safetensors.numpy import load, save

from services.common.objects import Area, ObjectStore, open_store
from services.scanner.sandbox import Sandbox
from services.scanner.static_scan import StaticScanner
from services.stubs.voicehub.catalog.v1 import events_pb2
from services.stubs.voicehub.common.v1 import common_pb2

CHECKPOINTS = Path(__file__).parents[3] / "tests" / "data" / "golden" / "checkpoints"
CARD = {"languages": ["en"], "prompts": [{"file": "p.wav", "text": "hello", "language": "en"}]}


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path}/objects")


@pytest.fixture(scope="module")
def sandbox() -> Sandbox:
    return Sandbox()


def pushed(objects: ObjectStore, *files: tuple[str, str, bytes]) -> events_pb2.VersionPushed:
    uploaded = []
    for role, filename, content in files:
        kept = objects.put(Area.QUARANTINE, [content])
        reference = common_pb2.ObjectRef(digest=kept.digest, size=kept.size)
        uploaded.append(common_pb2.UploadedFile(role=role, filename=filename, object=reference))
    return events_pb2.VersionPushed(version_id="v1", files=uploaded, card=json_format.ParseDict(CARD, Struct()))


def golden(role: str, name: str) -> tuple[str, str, bytes]:
    return role, name, (CHECKPOINTS / name).read_bytes()


def wav(seconds: float = 0.5, rate: int = 32000) -> bytes:
    buffer = io.BytesIO()
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(int(seconds * rate)) / rate)
    soundfile.write(buffer, tone, rate, format="WAV", subtype="PCM_16")
    return buffer.getvalue()


def hostile_pth() -> bytes:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (open, ("/tmp/marker-of-hostile-file", "w"))

    source = io.BytesIO()
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"weight": {}, "config": {}, "info": Evil()}, protocol=2))
        archive.writestr("archive/version", "3\n")
    return b"05" + source.getvalue()[2:]


def test_a_golden_voice_is_rebuilt_tensor_by_tensor(objects: ObjectStore, sandbox: Sandbox) -> None:
    event = pushed(
        objects, golden("s1", "tiny-e15.ckpt"), golden("s2", "tiny_v2_header01.pth"), ("prompt", "p.wav", wav())
    )
    completed = StaticScanner(objects, sandbox).scan(event)
    assert completed.verdict == "clean", completed.findings
    message = completed.message(event)
    assert message.family == "v2"
    assert {t.name.split("/")[0] for t in message.tensors} == {"s1", "s2"}
    one = next(t for t in message.tensors if t.name == "s2/enc_p.text_embedding.weight")
    assert one.dtype == "float16"
    content = objects.open(Area.SERVED, one.digest).read()
    assert len(content) == one.size == 2 * np.prod(one.shape)
    assert blake3(content).hexdigest() == one.digest
    assert json_format.MessageToDict(message.configs)["s2"]["model"]["version"] == "v2"
    assert message.requires["content_encoder"] == "unverified:cnhubert"
    path = json_format.MessageToDict(message.card)["prompts"][0]["file"]
    assert path == message.files[0].path == "prompts/p.flac"
    wave, rate = soundfile.read(objects.open(Area.SERVED, message.files[0].object.digest))
    original, _ = soundfile.read(io.BytesIO(wav()))
    assert rate == 32000
    assert np.array_equal(wave, original)


def test_a_hostile_twin_brings_nothing_into_the_served_area(objects: ObjectStore, sandbox: Sandbox) -> None:
    event = pushed(objects, golden("s1", "tiny-e15.ckpt"), ("s2", "twin.pth", hostile_pth()))
    completed = StaticScanner(objects, sandbox).scan(event)
    assert completed.verdict == "malicious"
    assert any("twin.pth" in f.place and f.message_en and f.message_zh for f in completed.findings)
    assert list(objects.digests(Area.SERVED)) == []
    assert not completed.message(event).tensors
    assert not Path("/tmp/marker-of-hostile-file").exists()


@pytest.mark.parametrize("dtype", ["uint16", "float8_e4m3fn", "complex64"])
def test_a_stage_of_numbers_that_no_voice_has_is_refused_and_told(
    objects: ObjectStore, sandbox: Sandbox, dtype: str
) -> None:
    """Its worker ended with a traceback once it had called the file clean: all that was told is that it ended."""
    import torch  # late: torch is needed to write it only

    saved = torch.load(CHECKPOINTS / "tiny-e15.ckpt", weights_only=True)
    saved["weight"]["model.more"] = torch.zeros(8, dtype=getattr(torch, dtype))
    buffer = io.BytesIO()
    torch.save(saved, buffer)
    completed = StaticScanner(objects, sandbox).scan(pushed(objects, ("s1", "voice.ckpt", buffer.getvalue())))
    assert completed.verdict == "unreadable"
    told = next(finding for finding in completed.findings if finding.rule == "kind")
    assert "model.more" in told.message_en
    assert "float16, bfloat16 or float32" in told.message_en
    assert {finding.rule for finding in completed.findings} == {"kind"}, "another says that it is stored and delivered"
    assert list(objects.digests(Area.SERVED)) == []


def test_a_file_that_is_no_stage_is_not_said_to_be_stored(objects: ObjectStore, sandbox: Sandbox) -> None:
    import torch  # late: torch is needed to write it only

    buffer = io.BytesIO()
    torch.save({"weight": {"layer.0.weight": torch.ones(4, 4)}, "config": {}, "info": ""}, buffer)
    completed = StaticScanner(objects, sandbox).scan(pushed(objects, ("s1", "voice.ckpt", buffer.getvalue())))
    assert completed.verdict == "unreadable"
    assert {finding.rule for finding in completed.findings} == {"kind"}


@pytest.mark.parametrize("container", ["FLAC", "OGG", "MP3"])
def test_prompts_come_in_many_containers(objects: ObjectStore, sandbox: Sandbox, container: str) -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.sin(np.arange(32000) / 20) * 0.3, 32000, format=container)
    completed = StaticScanner(objects, sandbox).scan(pushed(objects, ("prompt", "p.bin", buffer.getvalue())))
    assert completed.verdict == "clean", completed.findings
    wave, rate = soundfile.read(objects.open(Area.SERVED, completed.files[0].object.digest))
    assert rate == 32000
    assert abs(len(wave) - 32000) < 4000


@pytest.mark.parametrize(
    ("role", "content", "rule"),
    [
        ("prompt", b"not audio at all", "prompt-not-audio"),
        ("prompt", b"", "prompt-not-audio"),
        ("prompt", wav(70.0, 8000), "prompt-length"),
        ("prompt", wav(0.2), "prompt-length"),
        ("lexicon", b"en: {hello: [NOPE]}", "lexicon"),
        ("lexicon", b"!!python/object/apply:os.system ['true']", "document"),
        ("driver", b"x", "role"),
        ("s2", b"", "unreadable-file"),
        ("s1", save({"model.weight": np.zeros(4, np.float32)}), "kind"),
        ("s2", save({"model.weight": np.zeros(4, np.float32)}), "no-model"),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(
    objects: ObjectStore, sandbox: Sandbox, role: str, content: bytes, rule: str
) -> None:
    completed = StaticScanner(objects, sandbox).scan(pushed(objects, (role, "x.bin", content)))
    assert completed.verdict != "clean"
    assert rule in {finding.rule for finding in completed.findings}
    assert any(finding.severity != "info" for finding in completed.findings), "nobody is told why"


def test_a_lexicon_is_written_anew(objects: ObjectStore, sandbox: Sandbox) -> None:
    completed = StaticScanner(objects, sandbox).scan(pushed(objects, ("lexicon", "l.yaml", b"en:\n  hub: HH AH1 B\n")))
    assert completed.verdict == "clean", completed.findings
    assert (
        objects.open(Area.SERVED, completed.files[0].object.digest).read() == b"en:\n  hub:\n  - HH\n  - AH1\n  - B\n"
    )


def test_words_of_a_lexicon_are_no_truth_values_and_no_numbers(objects: ObjectStore, sandbox: Sandbox) -> None:
    lines = b"en:\n  no: N OW1\n  on: AA1 N\n  null: N AH1 L\n  007: S EH1 V AH0 N\n"
    completed = StaticScanner(objects, sandbox).scan(pushed(objects, ("lexicon", "l.yaml", lines)))
    assert completed.verdict == "clean", completed.findings
    written = yaml.safe_load(objects.open(Area.SERVED, completed.files[0].object.digest).read())
    assert {word: " ".join(phones) for word, phones in written["en"].items()} == {
        "no": "N OW1",
        "on": "AA1 N",
        "null": "N AH1 L",
        "007": "S EH1 V AH0 N",
    }


def conditioning(**more: np.ndarray[Any, Any]) -> dict[str, np.ndarray[Any, Any]]:
    ids = np.zeros(3, np.int64)
    ge, bert = np.zeros((1, 8, 1), np.float32), np.zeros((4, 3), np.float32)
    own: dict[str, np.ndarray[Any, Any]] = {"ge": ge, "codes": ids, "phones": ids, "bert": bert}
    return own | more


def test_a_feature_file_keeps_what_its_kind_knows(objects: ObjectStore, sandbox: Sandbox) -> None:
    labels = {"format": "voicehub-features/1", "kind": "conditioning", "text": "who is this", "other": "x"}
    content = save(conditioning(ssl=np.full(4, np.nan, np.float32), wave=np.ones(4, np.float32)), labels)
    completed = StaticScanner(objects, sandbox).scan(pushed(objects, ("prompt", "p.safetensors", content)))
    assert completed.verdict == "clean", completed.findings
    served = objects.open(Area.SERVED, completed.files[0].object.digest).read()
    assert set(load(served)) == set(conditioning())
    assert b"who is this" not in served
    assert set(completed.stripped) == {
        f"p.safetensors: {what}" for what in ("tensor ssl", "tensor wave", "metadata text", "metadata other")
    }


def test_a_feature_file_that_is_not_clean_is_not_served(objects: ObjectStore, sandbox: Sandbox) -> None:
    labels = {"format": "voicehub-features/1", "kind": "conditioning", "text": "<script>alert(1)</script>"}
    event = pushed(objects, ("prompt", "p.safetensors", save(conditioning(), labels)))
    completed = StaticScanner(objects, sandbox).scan(event)
    assert completed.verdict == "suspicious"
    assert {finding.rule for finding in completed.findings} == {"document"}
    assert not list(objects.digests(Area.SERVED))


def test_two_files_of_one_stage_are_refused(objects: ObjectStore, sandbox: Sandbox) -> None:
    one = golden("s1", "tiny-e15.ckpt")
    completed = StaticScanner(objects, sandbox).scan(pushed(objects, one, ("s2", "other.pth", one[2])))
    assert completed.verdict == "unreadable"
    assert "stage-twice" in {finding.rule for finding in completed.findings}


def test_a_vanished_upload_is_said(objects: ObjectStore, sandbox: Sandbox) -> None:
    event = pushed(objects, ("s1", "a.ckpt", b"x"))
    objects.delete(Area.QUARANTINE, event.files[0].object.digest)
    assert {f.rule for f in StaticScanner(objects, sandbox).scan(event).findings} == {"upload-missing"}
