"""`python -m bench.batch_workers [--lines 2000] [--workers 2]`: a batch spoken by workers that follow the lag of Kafka.

A real control plane, operator, Kafka, PostgreSQL and voice (nano); kwok plays the node, and each worker's pod is a
process of this machine (`tests/cluster/process_pods.py`). From none the workers come when the batch is there, one of
them is killed with -9 in the middle, and when nothing waits there is none again. Exit code 1 unless every line was
spoken once and nothing was left over.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import io
import json
import os
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from services.common.tables import dead_letters
from services.inference.tests.batching import Batching, Engines, batching
from services.inference.tests.speaking import export_nano, free_address
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_nodes import FakeNodes
from tests.cluster.looking import Client, Watcher, wait_for
from tests.cluster.operating import Replica, account, install_crds
from tests.cluster.plan import Plan
from tests.cluster.process_pods import HELD, ProcessPods
from tests.engines.kafka import Kafka
from tests.engines.postgresql import PostgreSQL

NAMESPACE, HUB, PARTITIONS = "batches", "bench", 4
COOLDOWN_SECONDS, PATIENCE_SECONDS = 5, 3600.0


@dataclass
class Story:
    """How many workers were asked for, and when."""

    begin: float = field(default_factory=time.monotonic)
    asked: list[tuple[float, int]] = field(default_factory=list)

    def see(self, _: str, batch: dict[str, Any]) -> None:
        """A BatchSynthesis was seen."""
        workers = int((batch.get("status") or {}).get("workers", 0))
        if not self.asked or self.asked[-1][1] != workers:
            self.asked.append((time.monotonic() - self.begin, workers))

    @property
    def now(self) -> int:
        """Workers asked for at last."""
        return self.asked[-1][1] if self.asked else 0


def synthesis(workers: int) -> dict[str, Any]:
    """A BatchSynthesis of the hub's workers."""
    return {
        "apiVersion": "voicehub.dev/v1alpha1",
        "kind": "BatchSynthesis",
        "metadata": {"name": "speakers"},
        "spec": {
            "group": f"{HUB}.inference-batches", "topic": f"{HUB}.synthesis", "maxWorkers": workers, "lagPerWorker": 2,
            "cooldownSeconds": COOLDOWN_SECONDS, "podAnnotations": HELD,
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "worker": {"image": "local/inference:1", "resources": {"cpu": "1", "memory": "1Gi"}},
        },
    }  # fmt: skip


@contextmanager
def site(folder: Path, kafka: Kafka, engines: Engines, workers: int) -> Iterator[tuple[ProcessPods, Story]]:
    """The cluster with the operator, which keeps no worker yet."""
    with ExitStack() as stack:
        cluster = stack.enter_context(ControlPlane(Plan(folder / "cluster", Plan.ports_for())))
        stack.enter_context(FakeNodes(cluster, 2))
        install_crds(cluster)
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        client, story = Client(cluster.kubeconfig, NAMESPACE), Story()
        kubeconfig = account(cluster, NAMESPACE, "operator", folder)
        settings = {"kafka": f"127.0.0.1:{kafka.port}", "lag_seconds": 0.5}
        stack.enter_context(Replica(kubeconfig, NAMESPACE, "bench", folder, **settings))
        environment = {
            "VOICEHUB_DATABASE_URL": engines.database, "VOICEHUB_EVENTS_URL": engines.events,
            "VOICEHUB_OBJECTS_URL": engines.objects, "VOICEHUB_CATALOG_ADDRESS": free_address(),
            "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        }  # fmt: skip
        (folder / "pods").mkdir()

        def command(pod: dict[str, Any]) -> list[str]:
            own = [f"VOICEHUB_INFERENCE_ADDRESS={free_address()}"]  # a pod has a network of its own
            data = f"VOICEHUB_DATA={folder / 'pods' / pod['metadata']['name'] / 'data'}"
            return ["env", *own, data, sys.executable, "-m", "services.inference.batch_worker"]

        pods = stack.enter_context(ProcessPods(client, command, environment, folder / "pods", "batch"))
        client.create("batchsyntheses", synthesis(workers))
        stack.enter_context(Watcher(client, "batchsyntheses", story.see))
        wait_for(lambda: story.asked, 60, "the operator has seen it")
        yield pods, story


def speak(hub: Batching, pods: ProcessPods, story: Story, lines: int) -> dict[str, bool]:
    """What was found, and whether it is wrong."""
    stub = hub.as_account("ann")
    told = [{"id": f"n{n}", "text": f"Line {n}."} for n in range(lines)]
    idle = story.now == 0
    made = stub.CreateBatch(pb.CreateBatchRequest(plan=hub.plan(*told)), timeout=60).batch
    killed, batch = "", made
    for message in stub.WatchBatch(pb.WatchBatchRequest(id=made.id), timeout=PATIENCE_SECONDS):
        batch = message.batch
        if not killed and batch.done >= lines // 3:
            killed = pods.kill_one()
    wait_for(lambda: story.now == 0, 120, "no worker again")
    with zipfile.ZipFile(io.BytesIO(hub.content(batch.zip.digest))) as archive:
        entries = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
    spoken = Counter(entry["line"] for entry in entries if entry["state"] == "done")
    with hub.database.read() as session:
        parked = session.execute(select(func.count()).select_from(dead_letters)).scalar_one()
    most = max(count for _, count in story.asked)
    return {
        f"{batch.done} of {lines} lines, {batch.failed} failed": (batch.done, batch.failed) != (lines, 0),
        f"{len(spoken)} lines in the zip, at most {max(spoken.values())} times": (
            spoken != Counter(line["id"] for line in told)
        ),
        f"{parked} events parked": parked != 0,
        f"workers from {0 if idle else 'some'} to {most} to {story.now}": not idle or not most or story.now != 0,
        f"{killed or 'no worker'} was killed": not killed,
    }


def main(lines: int, workers: int) -> int:
    """Prints the story; exit code 1 if a line was not spoken, or twice."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        bundle = export_nano(folder / "bundle")
        kafka = stack.enter_context(Kafka(folder / "kafka"))
        database = stack.enter_context(PostgreSQL(folder / "postgresql"))
        events = f"kafka://127.0.0.1:{kafka.port}/{HUB}?partitions={PARTITIONS}"
        engines = Engines(database.admin_url, events, f"file://{folder / 'objects'}")
        hub = stack.enter_context(batching(bundle, folder, engines))  # its own subscriber is never started
        pods, story = stack.enter_context(site(folder, kafka, engines, workers))
        begin, load = time.monotonic(), os.getloadavg()[0]
        found = speak(hub, pods, story, lines)
        print(f"{lines} lines in {time.monotonic() - begin:.0f} s, load {load:.1f} to {os.getloadavg()[0]:.1f}")
        print("workers asked for:", ", ".join(f"{count} at {at:.0f} s" for at, count in story.asked))
    print("; ".join(found), flush=True)
    wrong = [what for what, is_wrong in found.items() if is_wrong]
    print(f"wrong: {'; '.join(wrong) or 'nothing'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=2, help="the most of them")
    given = parser.parse_args()
    raise SystemExit(main(given.lines, given.workers))
