"""Prompts, obstacles and the choice of the content encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from services.common.objects import ObjectStore, open_store
from services.inference import exporter
from services.inference.domain import auditionable
from services.inference.domain.voices import StoredFile, choose_prompt
from services.inference.exporter import Exporter, narrowed, whole_numbers
from services.inference.registry import BaseRefused, BaseRegistry
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2


def stored(*paths: str) -> list[StoredFile]:
    return [StoredFile(path, "0" * 64, 1) for path in paths]


def test_the_prompt_is_the_first_of_the_card_that_is_there() -> None:
    files = stored("lexicon/l.yaml", "prompts/a.flac", "prompts/b.flac")
    card = {"prompts": [{"file": "gone.wav"}, {"file": "b.mp3", "text": "hi", "language": "en"}]}
    chosen = choose_prompt(files, card)
    assert chosen is not None
    assert (chosen.path, chosen.text, chosen.needs_encoder) == ("prompts/b.flac", "hi", True)
    bare = choose_prompt(files, {})
    assert bare is not None
    assert (bare.path, bare.needs_encoder) == ("prompts/a.flac", False)
    assert choose_prompt(stored("lexicon/l.yaml"), {}) is None


def test_every_obstacle_says_how_to_mend_it_in_both_languages() -> None:
    audio = choose_prompt(stored("prompts/a.flac"), {})
    obstacles = [
        auditionable.version_obstacle("v3", ["s1", "s2"]),
        auditionable.version_obstacle("v2", ["s1"]),
        auditionable.prompt_obstacle("v2", None),
        auditionable.prompt_obstacle("v2Pro", audio),
        auditionable.encoder_obstacle("unverified:cnhubert", 768, []),
        auditionable.encoder_obstacle("unverified:cnhubert", 768, ["a", "b"]),
        auditionable.NO_EXPORTER,
    ]
    for sentence in obstacles:
        english, chinese = sentence.split(" / ", 1)
        assert english.startswith("Not auditionable")
        assert "无法试听" in chinese
    assert auditionable.version_obstacle("v2", ["s1", "s2"]) == ""
    assert auditionable.prompt_obstacle("v2", audio) == ""


def test_integers_survive_the_struct() -> None:
    given = {"a": 192, "b": [1, 2.5], "c": {"d": True, "e": None}}
    assert whole_numbers(json_format.MessageToDict(json_format.ParseDict(given, Struct()))) == given


def base_folder(folder: Path, name: str, content: bytes, **more: Any) -> Path:
    folder.mkdir()
    (folder / "content.onnx").write_bytes(content)
    description = {"name": name, "kind": "content_encoder", "family": "v2", "feature_dim": 96, **more}
    (folder / "base.json").write_text(json.dumps(description))
    return folder


def test_of_several_encoders_the_card_or_the_shipped_one_decides(tmp_path: Path) -> None:
    registry = BaseRegistry(tmp_path / "bases")
    one, two = (registry.register(base_folder(tmp_path / n, n, n.encode())) for n in ("one", "two"))
    fitting = registry.encoders("unverified:cnhubert", "v2", 96)
    assert fitting == [one, two]
    assert narrowed(fitting, "two", "") == [two]
    assert narrowed(fitting, two.digest, one.digest) == [two]
    assert narrowed(fitting, "", one.digest) == [one]
    assert narrowed(fitting, "other", "") == fitting


def test_a_base_with_other_files_than_it_claims_is_refused(tmp_path: Path) -> None:
    registry = BaseRegistry(tmp_path / "bases")
    with pytest.raises(BaseRefused, match="its files give"):
        registry.register(base_folder(tmp_path / "lies", "lies", b"x", digest="0" * 64))
    with pytest.raises(BaseRefused, match="kind"):
        registry.register(base_folder(tmp_path / "odd", "odd", b"x", kind="poem"))


def test_new_stage_weights_of_a_known_encoder_replace_the_old(tmp_path: Path) -> None:
    registry = BaseRegistry(tmp_path / "bases")
    source = base_folder(tmp_path / "nano", "nano", b"graph")
    (source / "s1.safetensors").write_bytes(b"old")
    digest = registry.register(source).digest
    (source / "s1.safetensors").write_bytes(b"new")
    assert registry.register(source).digest == digest
    assert (tmp_path / "bases" / digest / "s1.safetensors").read_bytes() == b"new"


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return open_store(f"file://{tmp_path}/objects")


def scan(**changes: Any) -> scanner_pb2.StaticScanCompleted:
    file = scanner_pb2.RebuiltFile(path="prompts/p.flac", object=common_pb2.ObjectRef(digest="0" * 64, size=1))
    tensors = [
        common_pb2.Tensor(name="s1/x", shape=[1]),
        common_pb2.Tensor(name="s2/ssl_proj.weight", shape=[96, 96, 2]),
    ]
    card = {"prompts": [{"file": "p.wav", "text": "hi", "language": "en"}]}
    whole: dict[str, Any] = {"version_id": "v", "verdict": "clean", "family": "v2", "tensors": tensors, "files": [file]}
    whole |= {"requires": {"content_encoder": "unverified:cnhubert"}, "card": json_format.ParseDict(card, Struct())}
    return scanner_pb2.StaticScanCompleted(**{**whole, **changes})


def test_without_torch_the_version_says_that_there_is_no_exporter(
    objects: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = BaseRegistry(tmp_path / "bases")
    base = registry.register(base_folder(tmp_path / "one", "one", b"graph"))
    monkeypatch.setattr(exporter, "has_exporter", lambda: False)
    export = Exporter(objects, "unused", registry, tmp_path / "exports").export(scan())
    assert export.voice.not_auditionable == auditionable.NO_EXPORTER
    assert export.voice.requires["content_encoder"] == base.digest


def test_an_encoder_of_another_width_does_not_count(objects: ObjectStore, tmp_path: Path) -> None:
    registry = BaseRegistry(tmp_path / "bases")
    registry.register(base_folder(tmp_path / "one", "one", b"graph", feature_dim=768))
    export = Exporter(objects, "unused", registry, tmp_path / "exports").export(scan())
    assert "96 features" in export.voice.not_auditionable
