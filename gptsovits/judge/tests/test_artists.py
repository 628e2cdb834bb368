"""Fetching of recordings from a package: made here, with what a stranger's machine may lack or a mirror may change."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gptsovits.judge.artists import ARTISTS, ArtistsMissing, prompts, speech
from gptsovits.judge.mixtures import SECONDS, rate, render, turns
from gptsovits.judge.speakers import Split


def _g722(path: Path, seconds: float) -> None:
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    wave = (8000 * np.sin(np.arange(int(seconds * 16000)) / 8)).astype(np.int16)
    with av.open(str(path), "w", format="g722") as container:
        stream = container.add_stream("g722", rate=16000, layout="mono")
        frame = av.AudioFrame.from_ndarray(wave[None], format="s16", layout="mono")
        frame.sample_rate = 16000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with two prompts, and an `apt-get` that brings it: the network of this test."""
    content = tmp_path / "content"
    _g722(content / "usr/share/asterisk/sounds/one/short.g722", 1.0)
    _g722(content / "usr/share/asterisk/sounds/one/long.g722", 2.0)
    _g722(content / "usr/share/asterisk/sounds/one/silence/1.g722", 5.0)
    _g722(content / "usr/share/asterisk/sounds/one/tt-monkeys.g722", 6.0)
    control = content / "DEBIAN/control"
    control.parent.mkdir()
    control.write_text("Package: voice\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: prompts\n")
    package = tmp_path / "voice_1_all.deb"
    subprocess.run(["dpkg-deb", "-b", str(content), str(package)], check=True, capture_output=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    apt = programs / "apt-get"
    apt.write_text(
        f"#!/bin/sh\ncase \"$*\" in *voice-of*) cp {package} . ;; *) echo 'E: no such package' >&2; exit 100 ;; esac\n"
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("VOICEHUB_CACHE", str(tmp_path / "cache"))
    return package


def test_a_package_is_fetched_once_and_its_longest_prompt_comes_first(mirror: Path) -> None:
    artist = replace(ARTISTS[0], package="voice-of", digest=hashlib.sha256(mirror.read_bytes()).hexdigest())
    assert [path.name for path in prompts(artist)] == ["long.g722", "short.g722"]
    mirror.unlink()
    wave = speech(prompts(artist), 2.5)
    assert len(wave) == 2.5 * 16000
    assert np.abs(wave).max() > 0.1


def test_another_package_than_the_pinned_one_is_not_used(mirror: Path) -> None:
    with pytest.raises(ArtistsMissing, match="not the pinned"):
        prompts(replace(ARTISTS[0], package="voice-of"))


def test_a_package_that_cannot_be_had_says_what_apt_said(mirror: Path) -> None:
    with pytest.raises(ArtistsMissing, match="no such package"):
        prompts(replace(ARTISTS[0], package="unknown"))


def test_a_machine_without_apt_is_told_where_to_put_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VOICEHUB_CACHE", str(tmp_path))
    monkeypatch.setattr("shutil.which", lambda program: None)
    with pytest.raises(ArtistsMissing, match=str(tmp_path)):
        prompts(ARTISTS[0])


def test_a_mixture_has_the_share_that_was_asked_for() -> None:
    samples = int(SECONDS * 16000)
    mixed = turns(np.full(samples, 0.5, np.float32), np.full(samples, -0.5, np.float32), 0.2)
    assert np.mean(mixed < 0) == pytest.approx(0.2, abs=0.01)
    assert np.count_nonzero(np.diff(np.sign(mixed))) >= 3


def test_the_table_counts_what_is_refused_wrongly_and_what_is_missed() -> None:
    one, two = Split(0.95, 0.4), Split(0.6, 0.4)
    text = render([rate("one: a", [one, one, one, two]), rate("two, 50%", [two, one])])
    assert "refused wrongly 25.0%, two people missed 50.0%" in text
