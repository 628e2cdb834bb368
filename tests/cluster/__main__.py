"""`python -m tests.cluster up|down|status|run`: a Kubernetes cluster on this machine.

`run` holds its parts as children of one process, which `up` starts in the background and `down` ends; they die with it.
State is kept below a temporary folder, and `down` removes it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_nodes import FakeNodes
from tests.cluster.plan import Plan
from tests.cluster.real_cluster import RealCluster
from tests.engines.background import Background

SAID = "cluster.json"
FAKE_NODES = 20


def start(stack: ExitStack, home: Path, fake_nodes: int, real_node: bool) -> Mapping[str, str]:
    """The cluster; answers the settings of its clients."""
    state = home / "state"
    shutil.rmtree(state, ignore_errors=True)  # of one that was killed
    stack.callback(shutil.rmtree, state, ignore_errors=True)
    if real_node:
        cluster = stack.enter_context(RealCluster(state)).control_plane
    else:
        cluster = stack.enter_context(ControlPlane(Plan(state, Plan.ports_for())))
    if fake_nodes:
        stack.enter_context(FakeNodes(cluster, fake_nodes))
    return {"KUBECONFIG": str(cluster.kubeconfig), "KUBERNETES_PROGRAMS": str(cluster.programs)}


def main(arguments: Sequence[str]) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("verb", choices=("up", "down", "status", "run"))
    home = Path(tempfile.gettempdir()) / f"voicehub-cluster-{os.getuid()}"
    parser.add_argument("--home", type=Path, default=home, help="where its state lies while it runs")
    parser.add_argument("--fake-nodes", type=int, default=FAKE_NODES, help="with four GPUs each")
    parser.add_argument("--real-node", action="store_true", help="a node that starts containers; needs root")
    given = parser.parse_args(arguments)
    home = given.home.resolve()
    background = Background("tests.cluster", home, SAID)
    if given.verb == "up":
        chosen = ["--real-node"] if given.real_node else []
        return background.up(["--home", str(home), f"--fake-nodes={given.fake_nodes}", *chosen])
    if given.verb == "down":
        return background.down()
    if given.verb == "status":
        return status(background)
    return background.run(lambda stack: start(stack, home, given.fake_nodes, given.real_node))


def status(background: Background) -> int:
    """Says what runs; 1 if nothing does."""
    settings = background.environment()
    if not settings or not background.runs():
        print("No cluster runs: make cluster-up")
        return 1
    for name, value in settings.items():
        print(f"export {name}='{value}'")
    kubectl = [str(Path(settings["KUBERNETES_PROGRAMS"]) / "kubectl"), f"--kubeconfig={settings['KUBECONFIG']}"]
    return subprocess.run([*kubectl, "get", "nodes", "-o", "wide"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
