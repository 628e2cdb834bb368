"""Kafka in KRaft mode (broker and controller in one process) from its published jars: one broker, or several."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.engines.java import java
from tests.engines.maven import jars
from tests.engines.ports import LOOPBACK, answers, free_ports
from tests.engines.server import Server

JAVA = 17
CLUSTER = "dm9pY2VodWItZW5naW5lcw"
"""Id of the cluster: 16 bytes in base64."""


@dataclass(frozen=True)
class Node:
    """A broker: its number, the ports of clients and of its controller, and where clients are sent."""

    number: int = 1
    port: int = field(default_factory=lambda: free_ports(1)[0])
    controller: int = field(default_factory=lambda: free_ports(1)[0])
    seen_at: int = 0
    seen_as: str = LOOPBACK

    @property
    def voter(self) -> str:
        """As the others of the quorum know it."""
        return f"{self.number}@{LOOPBACK}:{self.controller}"


class Kafka(Server):
    """One broker; topics are made by who needs them. With `peers` it is one of several."""

    name, setting = "kafka", "VOICEHUB_EVENTS_URL"

    def __init__(self, home: Path, node: Node | None = None, peers: Sequence[Node] = ()) -> None:
        super().__init__(home)
        self._jars, self._java = jars("kafka"), java(JAVA)
        self._node = node or Node()
        self._peers = peers or (self._node,)
        self.port = self._node.port

    @property
    def url(self) -> str:
        """Topics and groups of a hub carry its name."""
        return f"kafka://{self._node.seen_as}:{self.port}/voicehub"

    def prepare(self) -> None:
        """Formats the log folder."""
        tool = ("kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config", self._write_settings())
        done = subprocess.run([*self._jvm(), *tool], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"Kafka's log folder cannot be formatted:\n{done.stdout}{done.stderr}")

    def command(self) -> Sequence[str | Path]:
        """The broker."""
        return [*self._jvm(), "kafka.Kafka", self._write_settings()]

    def is_ready(self) -> bool:
        """A broker opens its port when it has its place in the cluster."""
        return answers(self.port)

    def _jvm(self) -> Sequence[str | Path]:
        memory = ("-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:+ExitOnOutOfMemoryError")
        log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return [self._java, *memory, log, "-cp", f"{self._jars}/*"]

    def _write_settings(self) -> Path:
        node, replicas = self._node, min(3, len(self._peers))
        controllers = f"CONTROLLER://{LOOPBACK}:{node.controller}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": node.number,
            "controller.quorum.voters": ",".join(peer.voter for peer in self._peers),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{node.port},{controllers}",
            "advertised.listeners": f"PLAINTEXT://{node.seen_as}:{node.seen_at or node.port}",
            "log.dirs": self.home / "data",
            "default.replication.factor": replicas,
            "min.insync.replicas": max(1, replicas - 1),
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": max(1, replicas - 1),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
        }
        path = self.home / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return path


class KafkaCluster:
    """Three brokers, each topic on all of them, two of which must have an event before it is acknowledged."""

    def __init__(self, home: Path) -> None:
        ports = free_ports(6)
        nodes = [Node(number + 1, ports[2 * number], ports[2 * number + 1]) for number in range(3)]
        self.brokers = [Kafka(home / str(node.number), node, nodes) for node in nodes]

    @property
    def url(self) -> str:
        """Clients may begin at any of them."""
        return f"kafka://{','.join(f'{LOOPBACK}:{broker.port}' for broker in self.brokers)}/voicehub"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for broker in self.brokers:  # a broker is ready when it has found a quorum
                broker.launch()
                stack.callback(broker.stop)
            for broker in self.brokers:
                broker.wait_until_ready()
            stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for broker in self.brokers:  # the last two of a quorum cannot say goodbye to each other
            broker.kill()
