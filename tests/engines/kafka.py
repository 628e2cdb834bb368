"""Kafka in KRaft mode (broker and controller in one process) from its published jars."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.engines.java import java
from tests.engines.maven import jars
from tests.engines.ports import LOOPBACK, answers, free_ports
from tests.engines.server import Server

JAVA = 17
CLUSTER = "dm9pY2VodWItZW5naW5lcw"
"""Id of the cluster: 16 bytes in base64."""


class Kafka(Server):
    """One broker; topics are made by who needs them."""

    name, setting = "kafka", "VOICEHUB_EVENTS_URL"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._jars, self._java = jars("kafka"), java(JAVA)
        self.port, self._controller = free_ports(2)

    @property
    def url(self) -> str:
        """Topics and groups of a hub carry its name."""
        return f"kafka://{LOOPBACK}:{self.port}/voicehub"

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
        listeners = f"PLAINTEXT://{LOOPBACK}:{self.port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{self._controller}",
            "advertised.listeners": listeners,
            "log.dirs": self.home / "data",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
        }
        path = self.home / "server.properties"
        path.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return path
