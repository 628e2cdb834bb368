"""The launcher: made once, started once, ended without a rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import cache, java, maven
from tests.engines.background import ROOT

PATIENCE = 180.0


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VOICEHUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    engines("down", tmp_path / "home")


def test_two_at_once_make_a_thing_once(own_cache: Path) -> None:
    made: list[Path] = []
    begin = threading.Barrier(4)

    def make(folder: Path) -> None:
        made.append(folder)
        time.sleep(0.1)
        (folder / "thing").write_text("whole")

    def ask() -> None:
        begin.wait()
        assert (cache.made("thing", b"recipe", make) / "thing").read_text() == "whole"

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_half_a_thing_is_none(own_cache: Path) -> None:
    def broken(folder: Path) -> None:
        (folder / "thing").write_text("half")
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        cache.made("thing", b"recipe", broken)
    whole = cache.made("thing", b"recipe", lambda folder: (folder / "thing").touch())
    assert [path.name for path in whole.iterdir()] == ["thing"]
    assert [path.name for path in whole.parent.iterdir() if path.is_dir()] == [whole.name]
    assert cache.made("thing", b"another recipe", lambda _: None) != whole


def test_a_jar_that_is_not_the_locked_one_is_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maven, "fetch", lambda _, folder: (folder / "ecj-3.43.0.jar").write_bytes(b"something else"))
    with pytest.raises(RuntimeError, match="other jars"):
        maven.jars("ecj")


def test_java_is_looked_for_where_it_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("named", "21.0.2"), ("installed", "25")):
        home = tmp_path / name / "jdk"
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "java").touch()
        (home / "release").write_text(f'JAVA_VERSION="{version}"\n')
    monkeypatch.setattr(java, "JVM_FOLDER", tmp_path / "installed")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "named" / "jdk"))
    assert java.java(21) == tmp_path / "named" / "jdk" / "bin" / "java"
    assert java.java(22) == tmp_path / "installed" / "jdk" / "bin" / "java"
    monkeypatch.setattr(java, "wheel", lambda _: tmp_path)
    with pytest.raises(RuntimeError, match="No Java 26"):
        java.java(26)


def test_up_twice_is_up_once_and_nothing_is_left_behind(home: Path) -> None:
    said = engines("up", home)
    assert said.startswith("export VOICEHUB_DATABASE_URL='postgresql+psycopg://{service}:")
    assert engines("up", home) == said
    pids = processes(home)
    assert len(pids) > 2
    engines("down", home)
    assert not processes(home)
    assert not (home / "engines.json").exists()


def test_engines_die_with_the_process_that_holds_them(home: Path) -> None:
    first = engines("up", home)
    (holder,) = [pid for pid in processes(home) if "tests.engines" in command_of(pid)]
    os.kill(holder, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while processes(home):
        assert time.monotonic() < deadline, [command_of(pid) for pid in processes(home)]
        time.sleep(0.05)
    again = engines("up", home)
    assert again.partition("@")[0] == first.partition("@")[0], "the same data, with the same password"


def engines(verb: str, home: Path) -> str:
    names = ["postgresql"] if verb == "up" else []
    command = [sys.executable, "-m", "tests.engines", verb, *names, "--home", str(home)]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True, timeout=PATIENCE).stdout


def processes(home: Path) -> list[int]:
    """Of all processes, those that were started from this home or name it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                here = str(home) in command_of(int(entry.name)) or str(home) in os.readlink(entry / "cwd")
            except OSError:
                continue
            if here:
                found.append(int(entry.name))
    return found


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
