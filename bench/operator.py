"""`python -m bench.operator [--jobs 1000] [--seconds 18] [--kills 0]`: the operator under a backlog on nodes of kwok.

A real control plane, 20 nodes of 4 GPUs, 20 organisations; jobs of one and two GPUs, sent `--pace` a second (0: as fast
as the API takes them, which measures how long the heap is on a machine that clients and API share). *queued*: from
sending a TrainingJob to the watch event with its phase. *freed*: from the watch event that ends a Job to the one that
shows the Job which got its GPUs. *used*: GPUs of unsuspended Jobs over the quota while work waits. *fair*: GPU-seconds
of each organisation over the mean, while all have a backlog. *rate*: Jobs a second where capacity is no limit, beside a
client that makes the same Jobs one after the other, in turns. *cost*: processor time of the operator and its requests
per job.

With `--kills` the operator is killed with -9 so often, and the API server restarted in the middle; then nothing is
timed, and the answer is whether a job was lost or had a second pod, and whether the quota held.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from bench.operator_figures import Run, fair, freed, percentile, used
from tests.cluster.control_plane import ControlPlane
from tests.cluster.fake_nodes import FakeNodes
from tests.cluster.looking import Client, Gpus, Watcher, wait_for
from tests.cluster.operating import Replica, account, install_crds, plays, queue, training
from tests.cluster.plan import Plan

QUOTA, ORGANISATIONS, SENDERS, PACE = 80, 20, 4, 20.0
PATIENCE_SECONDS, PROBE_SECONDS = 1800.0, 0.5
ROUNDS, ROUND_JOBS = 3, 100
USED, FAIR, MEDIAN_SECONDS, MOST_SECONDS, RATE, COST = 0.95, 0.10, 0.5, 2.0, 0.8, 1.3


class Site:
    """A namespace of its own with a queue."""

    def __init__(self, cluster: ControlPlane, name: str, home: Path) -> None:
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        self.client, self.name, self._cluster, self._home = Client(cluster.kubeconfig, name), name, cluster, home
        home.mkdir()

    def replica(self) -> Replica:
        """An operator for it."""
        kubeconfig = account(self._cluster, self.name, "operator", self._home)
        return Replica(kubeconfig, self.name, "bench", self._home, lease_seconds=15)


class Probe:
    """How long a bare client's patch of a small object takes meanwhile: what no operator can beat on this machine."""

    def __init__(self, client: Client) -> None:
        self.seconds: list[float] = []
        self._client, self._stop = client, threading.Event()
        self._thread = threading.Thread(target=self._run, name="probe", daemon=True)

    def __enter__(self) -> Self:
        self._client.create("leases", {"metadata": {"name": "probe"}})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(PROBE_SECONDS):
            begin = time.time()
            self._client.patch("leases", "probe", {"metadata": {"annotations": {"now": str(begin)}}})
            self.seconds.append(time.time() - begin)


def backlog(cluster: ControlPlane, jobs: int, seconds: int, pace: float, home: Path) -> Run:
    """Sends all jobs, `pace` a second, and waits for the last."""
    site, gpus = Site(cluster, f"backlog-{jobs}", home), Gpus()
    sent: dict[str, float] = {}
    queued: dict[str, float] = {}
    phases: dict[str, str] = {}

    def see(what: str, one: dict[str, Any]) -> None:
        phase = (one.get("status") or {}).get("phase", "")
        name = one["metadata"]["name"]
        phases[name] = phase
        if phase:
            queued.setdefault(name, time.time())

    site.client.create("trainingqueues", queue(site.name, "gpu", QUOTA))
    with site.replica() as replica, Watcher(site.client, "jobs", gpus.see), Watcher(site.client, "trainingjobs", see):
        wait_for(lambda: "observedGeneration" in (site.client.get("trainingqueues", "gpu").get("status") or {}), 60)
        begin, cpu, before = time.time(), replica.cpu_seconds(), replica.requests()
        with Probe(Client(cluster.kubeconfig, site.name)) as probe:
            _send(cluster, site.name, jobs, seconds, sent, pace)
            wait_for(lambda: sum(p == "Succeeded" for p in phases.values()) == jobs, PATIENCE_SECONDS, "all succeed")
        took, cpu, requests = time.time() - begin, replica.cpu_seconds() - cpu, replica.requests() - before
    (home / "watched.log").write_text("".join(f"{t:.3f} {n} {o} {g}\n" for t, n, o, g in gpus.log))
    last = max(gpus.first_seen.values())
    return Run(
        jobs, took, [queued[name] - moment for name, moment in sent.items()], freed(gpus, QUOTA),
        used(gpus, QUOTA, last), fair(gpus), gpus.most["gpu"], cpu, requests, probe.seconds,
    )  # fmt: skip


def faults(cluster: ControlPlane, jobs: int, seconds: int, kills: int, home: Path) -> list[str]:
    """What went wrong under kills."""
    site, gpus = Site(cluster, "faults", home), Gpus()
    site.client.create("trainingqueues", queue(site.name, "gpu", QUOTA))
    with site.replica() as replica, Watcher(site.client, "jobs", gpus.see):
        _send(cluster, site.name, jobs, seconds, {}, pace=0.0)
        for kill in range(kills):
            goal = jobs * (kill + 1) // (kills + 1)
            wait_for(lambda g=goal: len(gpus.ended) >= g, PATIENCE_SECONDS, "work goes on")  # type: ignore[misc]
            replica.kill()
            if kill == kills // 2:
                cluster.api_server.kill()
                cluster.api_server.start()
            replica.start()
        wait_for(lambda: len(gpus.ended) == jobs, PATIENCE_SECONDS, "all end")
        wait_for(lambda: not site.client.get("trainingqueues", "gpu")["status"]["inUse"], 120, "all GPUs are free")
        phases = [one["status"]["phase"] for one in site.client.items("trainingjobs")]
        pods = [pod["metadata"]["labels"]["voicehub.dev/owner"] for pod in site.client.items("pods")]
    found = {
        f"{phases.count('Succeeded')} of {jobs} succeeded": phases.count("Succeeded") != jobs,
        f"{len(pods)} pods of {len(set(pods))} jobs": not len(pods) == len(set(pods)) == jobs,
        f"{gpus.most['gpu']} of {QUOTA} GPUs given out": gpus.most["gpu"] > QUOTA,
    }
    print(f"{kills} kills and a restarted API server: {'; '.join(found)}", flush=True)
    return [what for what, wrong in found.items() if wrong]


def _send(cluster: ControlPlane, namespace: str, jobs: int, seconds: int, sent: dict[str, float], pace: float) -> None:
    begin = time.time()

    def send(first: int) -> None:
        client = Client(cluster.kubeconfig, namespace)
        for number in range(first, jobs, SENDERS):
            if pace:
                time.sleep(max(begin + number / pace - time.time(), 0.0))
            name, organisation = f"v{number:04d}", f"org-{number % ORGANISATIONS:02d}"
            played = plays(int(1000 * seconds * (0.5 + (number * 7919 % 100) / 100)))
            gpus = 1 + (number // ORGANISATIONS) % 2
            sent[name] = time.time()
            client.create("trainingjobs", training(name, organisation, gpus=gpus, podAnnotations=played))

    senders = [threading.Thread(target=send, args=(first,)) for first in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()


def rate(cluster: ControlPlane, home: Path) -> tuple[float, float]:
    """Jobs a second: the operator's with an open quota, and a bare client's, the medians of turns."""
    site = Site(cluster, "rate", home)
    seen: dict[str, float] = {}
    found: dict[str, list[float]] = {"operator": [], "bare": []}

    def see(_: str, job: dict[str, Any]) -> None:
        seen.setdefault(job["metadata"]["name"], time.time())

    with site.replica(), Watcher(site.client, "jobs", see):
        for number in range(ROUNDS):
            name = f"q{number}"
            site.client.create("trainingqueues", queue(site.name, name, 100_000, resource="", held=True))
            for job in range(ROUND_JOBS):
                site.client.create("trainingjobs", training(f"r{number}-{job}", f"org-{job % 20}", name))
            wait_for(lambda n=name: _waiting(site.client, n) == ROUND_JOBS, 300)  # type: ignore[misc]
            begin = time.time()
            site.client.patch("trainingqueues", name, {"spec": {"held": False}})
            mine = [f"r{number}-{job}-1" for job in range(ROUND_JOBS)]
            wait_for(lambda m=mine: all(one in seen for one in m), 300, "all made")  # type: ignore[misc]
            found["operator"].append(ROUND_JOBS / (max(seen[one] for one in mine) - begin))
            bare = [_bare(site.client.get("jobs", one)) for one in mine]
            wait_for(lambda: not _active(site.client), 300, "the cluster is quiet again")
            begin = time.time()
            for manifest in bare:
                site.client.create("jobs", manifest)
            found["bare"].append(ROUND_JOBS / (time.time() - begin))
            wait_for(lambda: not _active(site.client), 300, "the cluster is quiet again")
    return statistics.median(found["operator"]), statistics.median(found["bare"])


def _waiting(client: Client, name: str) -> int:
    return int((client.get("trainingqueues", name).get("status") or {}).get("waiting", 0))


def _active(client: Client) -> bool:
    return any(not (job.get("status") or {}).get("completionTime") for job in client.items("jobs"))


def _bare(job: dict[str, Any]) -> dict[str, Any]:
    template = job["spec"]["template"]
    labels = {k: v for k, v in template["metadata"]["labels"].items() if k.startswith("voicehub.dev/queue")}
    spec = {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": template["spec"]}}
    name = f"bare-{job['metadata']['name']}"
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def main(jobs: int, seconds: int, pace: float, kills: int) -> int:
    """Prints the table; exit code 1 if an aim is missed."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        cluster = stack.enter_context(ControlPlane(Plan(folder / "cluster", Plan.ports_for())))
        stack.enter_context(FakeNodes(cluster))
        install_crds(cluster)
        if kills:
            return 1 if faults(cluster, jobs, seconds, kills, folder / "faults") else 0
        print(f"load {os.getloadavg()[0]:.1f} at the start, {os.cpu_count()} cores", flush=True)
        small = backlog(cluster, max(jobs // 10, 40), seconds, pace, folder / "small")
        _told(small)
        operators, bare = rate(cluster, folder / "rate")
        print(f"rate     operator {operators:.1f}/s, bare client {bare:.1f}/s: {operators / bare:.2f}x", flush=True)
        large = backlog(cluster, jobs, seconds, pace, folder / "large")
        _told(large)
    cost = large.cost / small.cost
    print(f"cost     {cost:.2f}x at {large.jobs} of that at {small.jobs}")
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    aims = {
        "quota": large.most <= QUOTA,
        "used": large.used >= USED,
        "fair": large.fair <= FAIR,
        "queued": _meets(large.queued),
        "freed": _meets(large.freed),
        "rate": operators / bare >= RATE,
        "cost": cost <= COST,
    }
    missed = [aim for aim, met in aims.items() if not met]
    print(f"missed: {', '.join(missed) or 'nothing'}")
    return 1 if missed else 0


def _meets(latencies: Sequence[float]) -> bool:
    return percentile(latencies, 0.5) < MEDIAN_SECONDS and percentile(latencies, 0.99) < MOST_SECONDS


def _told(run: Run) -> None:
    def line(values: Sequence[float]) -> str:
        return f"p50 {percentile(values, 0.5):.3f}  p99 {percentile(values, 0.99):.3f} s"

    asked = ", ".join(f"{verb} {count / run.jobs:.2f}" for verb, count in sorted(run.requests.items()))
    pace = f"{run.jobs / run.seconds:.1f}/s"
    print(f"{run.jobs} jobs in {run.seconds:.0f} s ({pace}), at most {run.most} of {QUOTA} GPUs")
    print(f"queued   {line(run.queued)}\nfreed    {line(run.freed)} ({len(run.freed)} GPUs)")
    print(f"a patch  {line(run.probe)} of a bare client meanwhile")
    print(f"cost     {1e3 * run.cost:.0f} ms of a processor a job; requests a job: {asked}")
    print(f"used     {100 * run.used:.1f} %\nfair     within {100 * run.fair:.1f} % of the mean", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=18, help="the mean of how long a job runs")
    parser.add_argument("--pace", type=float, default=PACE, help="jobs sent a second; 0 for as fast as possible")
    parser.add_argument("--kills", type=int, default=0, help="of the operator, instead of the figures")
    given = parser.parse_args()
    raise SystemExit(main(given.jobs, given.seconds, given.pace, given.kills))
