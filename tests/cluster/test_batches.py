"""Workers of a BatchSynthesis follow the lag of their group on a real Kafka, from none to some and back to none."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.structs import OffsetAndMetadata

from tests.cluster.looking import Client, wait_for
from tests.cluster.openapi import crds
from tests.cluster.operating import Replica, account, install_crds
from tests.engines.kafka import Kafka

if TYPE_CHECKING:
    from tests.cluster.control_plane import ControlPlane

TOPIC, GROUP = "voicehub.synthesis", "voicehub.inference-batches"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Kafka(tmp_path_factory.mktemp("kafka")) as broker:
        yield f"127.0.0.1:{broker.port}"


def batch(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "voicehub.dev/v1alpha1",
        "kind": "BatchSynthesis",
        "metadata": {"name": "speakers"},
        "spec": {
            "group": GROUP, "topic": TOPIC, "maxWorkers": 4, "lagPerWorker": 2, "cooldownSeconds": 2,
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "worker": {"image": "local/inference:1", "resources": {"cpu": "1", "memory": "1Gi"}}, **spec,
        },
    }  # fmt: skip


def test_workers_follow_the_lag_to_none_and_back(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, servers: str
) -> None:
    install_crds(control_plane)
    client = Client(control_plane.kubeconfig, namespace)
    kubeconfig = account(control_plane, namespace, "operator", tmp_path)

    def status(name: str) -> int:
        return int((client.get("batchsyntheses", "speakers").get("status") or {}).get(name, -1))

    def running() -> int:
        pods = client.items("pods", "voicehub.dev/kind=batch")
        return sum(p["status"].get("phase") == "Running" and "deletionTimestamp" not in p["metadata"] for p in pods)

    with Replica(kubeconfig, namespace, "one", tmp_path, kafka=servers, lag_seconds=0.5):
        client.create("batchsyntheses", batch())
        wait_for(lambda: status("workers") == 0, 60, "no topic, no worker")
        admin = KafkaAdminClient(bootstrap_servers=servers)
        admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
        admin.close()
        producer = KafkaProducer(bootstrap_servers=servers)
        for _ in range(6):
            producer.send(TOPIC, b"shard")
        producer.flush()
        wait_for(lambda: running() == 3, 60, "a worker for each two shards")
        consumer = KafkaConsumer(bootstrap_servers=servers, group_id=GROUP, enable_auto_commit=False)
        consumer.commit({TopicPartition(TOPIC, 0): OffsetAndMetadata(6, "", -1)})
        told = time.monotonic()
        wait_for(lambda: status("lag") == 0, 30, "worked off")
        wait_for(lambda: status("workers") == 0 and not running(), 60, "none again")
        assert time.monotonic() - told > 2  # not before the cooldown
        for _ in range(100):
            producer.send(TOPIC, b"shard")
        producer.flush()
        wait_for(lambda: running() == 4, 60, "never more than the most")
        consumer.close()
        producer.close()
        client.delete("batchsyntheses", "speakers")
        wait_for(lambda: not client.items("deployments"), 30, "the workers go with it")


def test_workers_that_keda_scaled_are_not_scaled_by_it_any_more(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    """Its ScaledObject stayed, and two wrote the number of workers; one that somebody else has made is left alone."""
    install_crds(control_plane)
    (crd,) = (one for one in crds() if one["spec"]["names"]["kind"] == "ScaledObject")
    control_plane.apply(crd)
    control_plane.kubectl("wait", "--for=condition=Established", "--timeout=60s", f"crd/{crd['metadata']['name']}")
    client = Client(control_plane.kubeconfig, namespace)

    def scaled() -> list[str]:
        return [one["metadata"]["name"] for one in client.items("scaledobjects")]

    def scaler(kind: str) -> None:
        client.patch("batchsyntheses", "speakers", {"spec": {"scaler": kind}})

    foreign = {**batch(), "metadata": {"name": "others"}}
    with Replica(account(control_plane, namespace, "operator", tmp_path), namespace, "one", tmp_path, lag_seconds=0.5):
        client.create("batchsyntheses", batch(scaler="KEDA"))
        wait_for(lambda: scaled() == ["speakers"], 60, "KEDA scales")
        theirs = client.get("scaledobjects", "speakers")
        meta = {"name": "others", "namespace": namespace}
        client.create("scaledobjects", {**theirs, "metadata": meta})
        client.create("batchsyntheses", foreign)
        for _ in range(2):
            scaler("Operator")
            wait_for(lambda: scaled() == ["others"], 60, "KEDA scales no more")
            wait_for(lambda: client.get("deployments", "speakers")["spec"]["replicas"] == 0, 60, "nothing waits")
            scaler("KEDA")
            wait_for(lambda: scaled() == ["others", "speakers"], 60, "KEDA scales again")
        wait_for(lambda: "status" in client.get("batchsyntheses", "others"), 60, "of others")
