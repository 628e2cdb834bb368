"""C2PA in the files, read by C2PA's own reader; a changed file is caught."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest

from gptsovits.audio import encoding
from gptsovits.audio.containers import CONTAINERS, Container
from gptsovits.audio.tags import read_tag
from gptsovits.runtime.label import read_label
from services.inference.certificates import KEY, ROOT
from services.inference.provenance import TRAINED, Provenance

VERSION = "f" * 32
SIGNED = [container for container in CONTAINERS.values() if container.signed]


def spoken(container: Container) -> io.BytesIO:
    """A file of two seconds."""
    time = np.arange(2 * 32_000) / 32_000
    wave = np.asarray(0.4 * np.sin(2 * np.pi * (200 + 50 * time) * time), np.float32)
    file = io.BytesIO()
    encoding.write([wave], 32_000, container, container.rate(32_000), VERSION, file)
    return file


def verified(content: bytes, container: Container, root: Path) -> tuple[str, dict[str, Any]]:
    """C2PA's own judgement when the hub's root is trusted, and the active manifest."""
    trusted = {"trust": {"trust_anchors": root.read_text()}, "verify": {"verify_trust": True}}
    stream = io.BytesIO(content)
    with (
        c2pa.Context(c2pa.Settings.from_dict(trusted)) as context,
        c2pa.Reader(container.media_type, stream, context=context) as reader,
    ):
        return str(reader.get_validation_state()), dict(reader.get_active_manifest() or {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("provenance")


@pytest.mark.parametrize("container", SIGNED, ids=lambda c: c.name)
def test_a_file_says_that_a_model_made_it_and_a_change_is_caught(container: Container, folder: Path) -> None:
    with Provenance(folder).signed(spoken(container), container, VERSION) as (file, how):
        file.seek(0)
        content = file.read()
    assert how == "c2pa"
    state, manifest = verified(content, container, folder / ROOT)
    assert state == "Trusted"
    claimed = next(a for a in manifest["assertions"] if a["label"].startswith("c2pa.actions"))
    actions = claimed["data"]["actions"]
    assert [(a["action"], a["digitalSourceType"]) for a in actions] == [("c2pa.created", TRAINED)]
    assert manifest["signature_info"]["issuer"] == "VoiceHub"
    tag = read_label(content) if container.name == "wav" else read_tag(io.BytesIO(content), container.name)
    assert VERSION in json.dumps(tag)
    tampered = bytearray(content)
    tampered[-5_000] ^= 0x10
    assert verified(bytes(tampered), container, folder / ROOT)[0] == "Invalid"


def test_another_root_does_not_vouch_for_it(folder: Path, tmp_path: Path) -> None:
    wav = CONTAINERS["wav"]
    with Provenance(tmp_path).signed(spoken(wav), wav, VERSION) as (file, _):
        file.seek(0)
        assert verified(file.read(), wav, folder / ROOT)[0] != "Trusted"


def test_the_chain_is_made_once_and_its_key_is_private(folder: Path) -> None:
    Provenance(folder)
    before = (folder / KEY).read_bytes()
    Provenance(folder)
    assert (folder / KEY).read_bytes() == before
    assert (folder / KEY).stat().st_mode & 0o077 == 0


def test_where_the_format_has_no_place_it_says_so(folder: Path) -> None:
    for name in ("opus", "pcm"):
        file = spoken(CONTAINERS[name])
        with Provenance(folder).signed(file, CONTAINERS[name], VERSION) as (same, how):
            assert same is file
            assert how == f"none: C2PA has no place in {name}"


def test_a_file_that_is_too_large_for_it_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.inference.provenance.MOST_BYTES", 100_000)
    file, wav = spoken(CONTAINERS["wav"]), CONTAINERS["wav"]
    with Provenance(folder).signed(file, wav, VERSION) as (same, how):
        assert same is file
        assert how.startswith("none: C2PA is not written into files above")


def test_without_the_library_files_are_left_alone_and_it_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("services.inference.provenance.find_spec", lambda name: None)
    provenance, wav = Provenance(tmp_path), CONTAINERS["wav"]
    assert "voicehub[provenance]" in caplog.text
    file = spoken(wav)
    with provenance.signed(file, wav, VERSION) as (same, how):
        assert same is file
        assert "not installed" in how
    assert not list(tmp_path.iterdir())
