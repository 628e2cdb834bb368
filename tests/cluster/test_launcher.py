"""`make cluster-up` and `make cluster-down`: once, and without a rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.engines.background import ROOT

PATIENCE = 240.0


@pytest.fixture
def home() -> Iterator[Path]:
    """Not below pytest's folder, whose name is too long for the kubelet's sockets."""
    with TemporaryDirectory(prefix="vh-") as folder:
        yield Path(folder) / "cluster"
        launcher("down", Path(folder) / "cluster")


def launcher(verb: str, home: Path, *options: str) -> str:
    command = [sys.executable, "-m", "tests.cluster", verb, "--home", str(home), *options]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0 or verb == "status", done.stdout
    return done.stdout


def rest(home: Path) -> Sequence[str]:
    """What of a cluster is there: processes, mounts, interfaces, routes, control groups, rules."""
    processes = [p for p in Path("/proc").glob("[0-9]*") if p.name != str(os.getpid()) and str(home) in words(p)]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if str(home) in line]
    links = [path.name for path in Path("/sys/class/net").glob("voicehub*")]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob("*/voicehub*")]
    shown = (["ip", "route"], ["iptables-save"], ["ip", "netns"])
    rules = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for command in shown]
    ours = [line for text in rules for line in text.splitlines() if "voicehub" in line or "KUBE-" in line]
    return [*(words(path) for path in processes), *mounts, *links, *groups, *ours]


def words(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_a_cluster_with_a_real_node_leaves_nothing_behind(home: Path) -> None:
    before = rest(home)
    said = launcher("up", home, "--real-node", "--fake-nodes=2")
    assert said.startswith("export KUBECONFIG=")
    assert launcher("up", home, "--real-node", "--fake-nodes=2") == said
    shown = launcher("status", home)
    assert all(name in shown for name in ("node-1", "gpu-00", "gpu-01", "Ready"))
    assert any("voicehub" in one for one in rest(home) if one not in before)
    launcher("down", home)
    assert [one for one in rest(home) if one not in before] == []
    assert not (home / "state").exists()
    assert "No cluster runs" in launcher("status", home)


def test_a_killed_cluster_leaves_nothing_that_runs(home: Path) -> None:
    before = rest(home)
    launcher("up", home, "--real-node", "--fake-nodes=0")
    os.kill(json.loads((home / "cluster.json").read_text())["pid"], signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while left := [one for one in rest(home) if one not in before and not one.startswith("/sys/fs/cgroup")]:
        assert time.monotonic() < deadline, left
    launcher("up", home, "--real-node", "--fake-nodes=0")
    launcher("down", home)
    assert [one for one in rest(home) if one not in before] == []


def test_a_folder_with_a_long_name_is_refused(tmp_path: Path) -> None:
    home = tmp_path / ("long" * 25)
    command = [sys.executable, "-m", "tests.cluster", "up", "--home", str(home), "--real-node", "--fake-nodes=0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode
    assert "too long for sockets" in done.stdout + done.stderr
    launcher("down", home)
